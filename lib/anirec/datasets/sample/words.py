"""Words of which the sample is made up: places, user names, titles."""

from __future__ import annotations

LOCATIONS = {
    "California": 30, "Texas": 16, "New York": 14, "Florida": 12, "USA": 14, "United States": 10,
    "Chicago, IL": 5, "Seattle": 4, "Ohio": 6, "Michigan": 5, "Georgia, USA": 3, "Atlanta": 3,
    "London": 9, "England": 12, "UK": 8, "Manchester, UK": 2, "Scotland": 3, "Ireland": 4,
    "Canada": 12, "Ontario": 6, "Toronto": 5, "Vancouver, BC": 3, "Australia": 8, "Sydney": 4,
    "Melbourne, Australia": 4, "New Zealand": 3, "Germany": 12, "Berlin": 4, "Bavaria": 2,
    "France": 11, "Paris, France": 4, "Poland": 9, "Warsaw": 2, "Brazil": 12, "São Paulo": 4,
    "Rio de Janeiro, Brasil": 2, "Mexico": 8, "Ciudad de México": 2, "Argentina": 6,
    "Buenos Aires": 2, "Chile": 5, "Philippines": 11, "Manila": 3, "Indonesia": 10, "Jakarta": 3,
    "Malaysia": 6, "Singapore": 5, "India": 8, "Mumbai, India": 2, "Japan": 7, "Tokyo": 5,
    "Osaka, Japan": 2, "Russia": 6, "Moscow": 3, "Sweden": 6, "Stockholm": 2, "Norway": 4,
    "Oslo, Norway": 2, "Finland": 4, "Helsinki": 2, "Denmark": 3, "Netherlands": 6, "Italy": 6,
    "Rome, Italy": 2, "Spain": 6, "Madrid": 2, "Portugal": 5, "Lisbon": 2, "Turkey": 5,
    "Istanbul": 2, "Romania": 4, "Greece": 3, "Hungary": 3, "Israel": 2, "Egypt": 2,
    "South Africa": 2, "Vietnam": 3, "Thailand": 3, "the moon": 2, "of course": 1, "Earth": 3,
    "somewhere": 2, "Hell": 1, "behind you": 1, "In front of my PC": 1, "2D world": 1,
}  # fmt: skip
"""What members write where they live, and how often; some of it is no place."""

NAME_STARTS = [
    "Silent", "Crimson", "Lazy", "Hidden", "Azure", "Lucky", "Sleepy", "Rusty", "Velvet", "Iron",
    "Paper", "Tiny", "Lunar", "Solar", "Frozen", "Neon", "Quiet", "Wild", "Golden", "Silver",
    "Shadow", "Misty", "Stormy", "Gentle", "Hollow", "Bright", "Dusty", "Amber", "Jade", "Scarlet",
    "Winter", "Summer",
]  # fmt: skip

NAME_ENDS = [
    "Fox", "Crow", "Tiger", "Lantern", "Comet", "Blade", "Reader", "Otaku", "Sakura", "Neko",
    "Kitsune", "Ronin", "Pilot", "Wizard", "Pixel", "Ramen", "Dango", "Tofu", "Raven", "Wolf",
    "Koi", "Panda", "Samurai", "Mochi", "Sparrow", "Echo", "Ember", "Rain", "Moth", "Star", "Tea",
    "Ghost",
]  # fmt: skip

TITLE_WORDS = [
    "Hoshi", "Tsuki", "Kaze", "Hana", "Yuki", "Sora", "Umi", "Mori", "Kawa", "Yama", "Hikari",
    "Kage", "Yume", "Kioku", "Kokoro", "Inochi", "Tsubasa", "Kiba", "Tsurugi", "Tate", "Yoroi",
    "Kagami", "Tobira", "Kagi", "Michi", "Hashi", "Machi", "Mura", "Shiro", "Tou", "Niwa", "Ie",
    "Gakkou", "Kyoushitsu", "Houkago", "Natsu", "Aki", "Fuyu", "Haru", "Asa", "Yoru", "Yuuhi",
    "Akatsuki", "Arashi", "Ame", "Kumo", "Niji", "Kiri", "Honoo", "Koori", "Ishi", "Suna", "Tetsu",
    "Gin", "Kin", "Hagane", "Garasu", "Ito", "Iro", "Oto", "Uta", "Koe", "Mai", "Odori", "Fue",
    "Taiko", "Piano", "Gitaa", "Hime", "Ouji", "Ou", "Kishi", "Majo", "Oni", "Ryuu", "Tora",
    "Ookami", "Kitsune", "Neko", "Inu", "Usagi", "Kuma", "Tori", "Tsuru", "Karasu", "Chou",
    "Hotaru", "Kame", "Sakana", "Kujira", "Mahou", "Senshi", "Tantei", "Kaizoku", "Ninja", "Bushi",
    "Hakase", "Sensei", "Senpai", "Imouto", "Ani", "Tomodachi", "Nakama", "Tabi", "Bouken",
    "Takara", "Chizu", "Fune", "Kisha", "Kuruma", "Robotto", "Kikai", "Uchuu", "Wakusei", "Ginga",
    "Chikyuu", "Mirai", "Kako", "Jikan", "Toki", "Eien", "Shunkan", "Negai", "Inori", "Yakusoku",
    "Himitsu", "Uso", "Shinjitsu", "Kotoba", "Tegami", "Hon",
]  # fmt: skip
