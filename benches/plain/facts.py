"""Plain-Python Facts: who lives where, then a question about one of them, as ids and loss mask."""

import random
from collections.abc import Mapping
from typing import Any

from benches.plain.fewshot import is_train, row, words

SALT = 0x6661637400000022
NAMES = words("""
    John Mary Peter Anna Tom Lucy Paul Emma Mark Sara David Julia Simon Laura Adam Clara James Alice Oliver Nora
    Henry Grace Leo Ruth Martin Helen Oscar Irene Victor Diana Hugo Eva Felix Rosa Walter Sophie Arthur Maya
    George Lena Philip Vera Edgar Nina Robert Olga Daniel Marta Samuel Tina Jacob Wanda Frank Elsa Ivan Carmen
    Louis Petra Kevin Ingrid Ralph Judith Boris Fiona
""")
CITIES = words("""
    Paris London Rome Tokyo Oslo Cairo Berlin Madrid Vienna Prague Lisbon Dublin Athens Warsaw Budapest Helsinki
    Stockholm Brussels Geneva Zurich Milan Naples Venice Seville Porto Lyon Hamburg Munich Krakow Riga Vilnius
    Tallinn Sofia Istanbul Moscow Kiev Delhi Mumbai Bangkok Hanoi Seoul Osaka Kyoto Sydney Perth Auckland
    Toronto Montreal Boston Chicago Denver Seattle Dallas Lima Bogota Quito Havana Nairobi Lagos Tunis Accra
    Dakar Manila Jakarta
""")


def prepare(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Nothing is worth computing ahead of the loop: which pairs are train pairs is remembered when first asked."""
    return params


def generate(rng: random.Random, params: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """One row: its ids and its loss mask."""
    names, cities = params["num_names"], params["num_cities"]
    count = rng.randint(*params["num_facts"])
    name, city = rng.randrange(names), rng.randrange(cities)
    used_names, used_cities = {name}, {city}
    told: list[str] = []
    while len(told) + 1 < count:
        n, c = rng.randrange(names), rng.randrange(cities)
        if n not in used_names and c not in used_cities and is_train(SALT, n << 8 | c):
            used_names.add(n)
            used_cities.add(c)
            told.append(f"{NAMES[n]} lives in {CITIES[c]}. ")
    asked, home = NAMES[name], CITIES[city]
    told.insert(rng.randrange(count), f"{asked} lives in {home}. ")
    return row(f"{''.join(told)}Where does {asked} live? ", home)
