"""The words and facts from which the corpus is made. Nothing here comes from other texts."""


def _list(text: str) -> tuple[str, ...]:
    """A tuple from entries parted by commas."""
    return tuple(" ".join(entry.split()) for entry in text.split(","))


def _pairs(text: str) -> dict[str, str]:
    """A mapping from 'key: value' entries parted by commas."""
    return {key: value for key, _, value in (entry.partition(": ") for entry in _list(text))}


BOYS = _list(
    """
    Tom, Ben, Max, Sam, Leo, Jack, Paul, Peter, Adam, Noah, Oscar, Felix, Hugo, Ivan, Omar,
    Luis, Ravi, Kenji, Martin, Simon, David, Henry, George, Albert, Victor, Emil
    """
)
GIRLS = _list(
    """
    Anna, Lucy, Mia, Emma, Sara, Lily, Rosa, Clara, Nina, Eva, Julia, Maria, Alice, Grace,
    Helen, Ruth, Zoe, Amira, Leila, Yuki, Priya, Ingrid, Martha, Sophie, Laura, Olga
    """
)
CREATURES = _list(
    """
    fox, bear, rabbit, mouse, cat, dog, duck, frog, horse, goat, sheep, owl, hedgehog, squirrel,
    turtle, monkey, elephant, lion, tiger, penguin, pig, hen, badger, deer, wolf, crow, beaver
    """
)
PEOPLE = _list(
    """
    farmer, baker, teacher, doctor, painter, sailor, gardener, driver, singer, cook, writer,
    nurse, carpenter, student, fisherman, shepherd, tailor, miller, king, queen
    """
)
TRAITS = _list(
    """
    kind, brave, small, happy, clever, quiet, curious, lazy, old, young, gentle, proud, shy,
    funny, hungry, friendly, tired, careful, strong, patient, cheerful, honest, wise, busy
    """
)
COLOURS = _list(
    """
    red, blue, green, yellow, white, black, brown, grey, orange, purple, golden, pink
    """
)
SIZES = _list(
    """
    big, small, little, large, tiny, huge, long, short, round, old, new, heavy, light
    """
)
THINGS = _list(
    """
    ball, book, key, hat, lamp, box, ring, coin, map, drum, kite, bell, cup, basket, mirror,
    clock, flute, blanket, shoe, button, letter, boat, candle, umbrella, feather, stone,
    whistle, bucket, rope
    """
)
FOODS = _list(
    """
    bread, cheese, soup, rice, cake, honey, milk, fruit, salad, pie, porridge, jam, butter, tea,
    fish, corn, pasta, chocolate
    """
)
COUNTED = _pairs(
    """
    apple: apples, pear: pears, egg: eggs, nut: nuts, cookie: cookies, flower: flowers, stone:
    stones, coin: coins, book: books, shell: shells, pencil: pencils, berry: berries, leaf:
    leaves, balloon: balloons, orange: oranges, carrot: carrots, ticket: tickets, marble:
    marbles
    """
)
PLACES = _pairs(
    """
    forest: in, garden: in, village: in, park: in, kitchen: in, valley: in, town: in, castle:
    in, school: at, market: at, river: by, lake: by, sea: by, hill: on, farm: on, island: on,
    bridge: on, mountain: on, library: in, station: at, meadow: in
    """
)
SPOTS = _list(
    """
    under the bed, behind the door, in the tall grass, under a big tree, on the roof, next to
    the well, in an old box, near the gate, under the bridge, on a high shelf, between two
    stones, in the snow, at the bottom of the basket, behind the barn
    """
)
WEATHERS = _list(
    """
    The sun was shining., It was raining., It was a cold morning., The wind was strong., Snow
    was falling., The sky was grey., It was a warm evening., The night was clear., There was fog
    everywhere., It was the first day of spring., It was a hot summer day., The leaves were
    falling.
    """
)
TIMES = _list(
    """
    One day, One morning, One evening, Last week, Yesterday, In the afternoon, After breakfast,
    Before dinner, At night, On Sunday, Early in the morning, In the winter, In the summer, A
    long time ago
    """
)
ADVERBS = _list(
    """
    quickly, slowly, quietly, happily, carefully, loudly, gently, suddenly
    """
)
ANIMAL_VERBS = _pairs(
    """
    run: runs, sleep: sleeps, jump: jumps, eat: eats, play: plays, hide: hides, wait: waits,
    walk: walks, rest: rests, drink: drinks
    """
)
PERSON_VERBS = _pairs(
    """
    work: works, sing: sings, read: reads, walk: walks, talk: talks, wait: waits, dance: dances,
    laugh: laughs, write: writes, sit: sits
    """
)
NUMBERS = _list(
    """
    zero, one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen,
    fourteen, fifteen, sixteen, seventeen, eighteen, nineteen, twenty
    """
)
DAYS = _list(
    """
    Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday
    """
)
MONTHS = _list(
    """
    January, February, March, April, May, June, July, August, September, October, November,
    December
    """
)
CAPITALS = _pairs(
    """
    France: Paris, Spain: Madrid, Italy: Rome, Germany: Berlin, England: London, Portugal:
    Lisbon, Greece: Athens, Austria: Vienna, Poland: Warsaw, Norway: Oslo, Sweden: Stockholm,
    Finland: Helsinki, Denmark: Copenhagen, Ireland: Dublin, Hungary: Budapest, Japan: Tokyo,
    China: Beijing, India: New Delhi, Egypt: Cairo, Kenya: Nairobi, Canada: Ottawa, Mexico:
    Mexico City, Cuba: Havana, Peru: Lima, Chile: Santiago, Brazil: Brasilia, Argentina: Buenos
    Aires, Russia: Moscow, Turkey: Ankara, Iran: Tehran, Thailand: Bangkok, Vietnam: Hanoi,
    Australia: Canberra, Belgium: Brussels, Romania: Bucharest, Iceland: Reykjavik
    """
)
SOUNDS = _pairs(
    """
    dog: woof, cat: meow, cow: moo, sheep: baa, duck: quack, pig: oink, horse: neigh, hen:
    cluck, frog: croak, owl: hoot, mouse: squeak, bee: buzz, snake: hiss, lion: roar, crow: caw,
    donkey: hee-haw
    """
)
YOUNG = _pairs(
    """
    dog: puppy, cat: kitten, cow: calf, sheep: lamb, duck: duckling, pig: piglet, horse: foal,
    hen: chick, frog: tadpole, lion: cub, goat: kid, deer: fawn, goose: gosling, kangaroo: joey,
    swan: cygnet
    """
)
HOMES = _pairs(
    """
    bee: hive, bird: nest, spider: web, horse: stable, rabbit: burrow, bear: den, pig: sty, hen:
    coop, ant: hill, beaver: lodge, fish: pond, lion: savanna, camel: desert, whale: ocean, fox:
    den
    """
)
LEGS = _pairs(
    """
    dog: four, cat: four, bird: two, spider: eight, ant: six, cow: four, horse: four, bee: six,
    hen: two, snake: no, fish: no, owl: two, beetle: six, elephant: four, penguin: two, worm: no
    """
)
HUES = _pairs(
    """
    grass: green, snow: white, the sky: blue, a banana: yellow, blood: red, coal: black, milk:
    white, a carrot: orange, a lemon: yellow, a leaf: green, a tomato: red, an elephant: grey,
    chocolate: brown, a flamingo: pink, a frog: green, a crow: black, a swan: white, the sun:
    yellow
    """
)
OPPOSITES = _pairs(
    """
    hot: cold, big: small, day: night, up: down, left: right, fast: slow, old: new, happy: sad,
    wet: dry, open: closed, full: empty, high: low, light: dark, loud: quiet, hard: soft, early:
    late, long: short, rich: poor, clean: dirty, first: last, good: bad, true: false
    """
)
JOBS = _pairs(
    """
    baker: bakes bread, teacher: teaches children, doctor: helps sick people, farmer: grows
    food, painter: paints pictures, sailor: sails ships, gardener: looks after plants, driver:
    drives a car, singer: sings songs, cook: makes meals, writer: writes books, tailor: sews
    clothes, carpenter: builds with wood, fisherman: catches fish, shepherd: guards sheep,
    pilot: flies planes, miller: grinds grain, firefighter: puts out fires
    """
)
SOURCES = _pairs(
    """
    bread: flour, a window: glass, a table: wood, a coin: metal, a book: paper, butter: milk, a
    pullover: wool, cheese: milk, wine: grapes, a candle: wax, ice: water, chocolate: cocoa, a
    brick: clay, jam: fruit
    """
)
PLURALS = _pairs(
    """
    mouse: mice, foot: feet, tooth: teeth, child: children, goose: geese, man: men, woman:
    women, leaf: leaves, wolf: wolves, knife: knives, sheep: sheep, box: boxes, fox: foxes,
    baby: babies, city: cities
    """
)
