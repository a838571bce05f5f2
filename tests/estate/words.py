"""Makes plain Python that looks like people's: functions and classes that name neither of the two modules."""

from pathlib import Path
from random import Random  # noqa: TID251 - seeded: the same estate every time

NOUNS, VERBS, ADJECTIVES = (
    part.split() for part in (Path(__file__).parent / "vocabulary.txt").read_text("utf-8").split("\n\n")
)
SIMPLE = (
    "{a} = {b}.get({t}, {n})",
    "{a} = [{c} for {c} in {b} if {c} is not None]",
    "{a} = {{{c}: len(str({c})) for {c} in {b}}}",
    "{a} = sorted({b}, key=lambda {c}: {c}[{t}])",
    "{a} = max({n}, int({b} or 0)) + {n}",
    '{a} = f"{w} {{{b}}} of {{{c}!r}}"',
    "{a}, {b} = {b}, {a}",
    "{a}.append(({b}, {c}))",
    "{a}[{t}] = {b} * {n} + {c}",
    "self_{a} = dict({b}, {c}={n})",
    'logger.info("{w} %s by %s", {a}, {b})',
    'logger.debug("{w}: %d", len({a}))',
    "{a} = {b} if {c} else {t}",
    '{a} = ({b} or {c}).strip().lower().replace("-", "_")',
    "assert {a} is not None, {t}",
    "{a} = await_all({b}, timeout={n}.5, {c}={t})",
    '{a} = {{"id": {b}, {t}: {n}, "items": list({c})}}',
    "{a} = any({c} > {n} for {c} in {b}.values())",
)
OPENINGS = (
    "if {a} and not {b}:",
    "if {a} is None or len({b}) > {n}:",
    "for {a} in {b}:",
    "for {a}, {c} in enumerate({b}, {n}):",
    "while {a} < {n}:",
    'with open({a}, encoding="utf-8") as {c}:',
    "try:",
)
RAISES = ("raise ValueError({t})", "return {a}", "continue_with({b})", 'raise LookupError(f"{w} {{{a}}}")')


class Writer:
    """Writes blocks of code from a seed."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def noun(self) -> str:
        """A thing."""
        return self.random.choice(NOUNS)

    def name(self) -> str:
        """A variable."""
        random = self.random
        return f"{random.choice(ADJECTIVES)}_{self.noun()}" if random.random() < 0.4 else self.noun()

    def title(self) -> str:
        """A class; `Qz` becomes the file's own word."""
        return f"{self.random.choice(ADJECTIVES).title()}{self.noun().title()}Qz"

    def function(self, indent: str = "", *, prefix: str = "", method: bool = False) -> str:
        """A function with a body of realistic length."""
        random = self.random
        head = "async def" if random.random() < 0.3 else "def"
        parameters = [
            f"{name}: {random.choice(('str', 'int', 'dict', 'list', 'bytes', 'object'))}"
            for name in dict.fromkeys(self.name() for _ in range(random.randint(1, 4)))
        ]
        self_ = ["self"] if method else []
        name = f"{prefix}{random.choice(VERBS)}_{self.noun()}"
        lines = [
            f"{indent}{head} {name}({', '.join(self_ + parameters)}) -> {random.choice(('dict', 'list', 'str'))}:"
        ]
        inner = indent + "    "
        if random.random() < 0.7:
            lines += self._docstring(inner)
        lines += self._body(inner, random.randint(3, 14), 0)
        lines.append(f"{inner}return {self.name()}")
        return "\n".join(lines) + "\n"

    def klass(self, *, prefix: str = "") -> str:
        """A class with methods."""
        random = self.random
        lines = [f"class {prefix}{self.title()}:"]
        lines += self._docstring("    ")
        lines += [
            f"    {self.noun().upper()} = {random.randint(1, 999)}" for _ in range(random.randint(0, 3))
        ]
        methods = [self.function("    ", method=True) for _ in range(random.randint(2, 6))]
        return "\n".join(lines) + "\n\n" + "\n".join(methods)

    def test(self) -> str:
        """A test with a mock."""
        random = self.random
        target = f"app.{self.noun()}.{self.noun()}.{random.choice(VERBS)}_{self.noun()}"
        lines = [
            f'@patch("{target}")' if random.random() < 0.5 else '@pytest.mark.parametrize("mocked", [1, 2])',
            f"def test_{random.choice(VERBS)}_{self.noun()}_{self.noun()}(mocked):",
            f"    {self.name()} = MagicMock(return_value={random.randint(1, 99)})",
        ]
        lines += self._body("    ", random.randint(2, 8), 1)
        return "\n".join([*lines, "    assert mocked is not None"]) + "\n"

    def _docstring(self, indent: str) -> list[str]:
        first = f'{indent}"""{self.random.choice(VERBS).title()} the {self.name()} of a {self.noun()}.'
        if self.random.random() < 0.5:
            return [first + '"""']
        arguments = [
            f"{indent}    {self.name()}: the {self.noun()} to {self.random.choice(VERBS)}." for _ in range(3)
        ]
        return [first, "", f"{indent}Args:", *arguments, f'{indent}"""']

    def _body(self, indent: str, length: int, depth: int) -> list[str]:
        random, lines = self.random, []
        for _ in range(length):
            chance = random.random()
            if chance < 0.22 and depth < 3:
                opening = self._fill(random.choice(OPENINGS))
                lines.append(indent + opening)
                lines += self._body(indent + "    ", random.randint(1, 4), depth + 1)
                if opening == "try:":
                    lines += [
                        f"{indent}except (KeyError, ValueError):",
                        f"{indent}    {self._fill(RAISES[0])}",
                    ]
                elif opening.startswith("if ") and chance < 0.08:
                    lines += [f"{indent}else:", f"{indent}    {self._fill(random.choice(RAISES))}"]
            elif chance < 0.3:
                lines.append(f"{indent}# the {self.name()} may have {random.choice(ADJECTIVES)} parts")
                lines.append(indent + self._fill(random.choice(SIMPLE)))
            else:
                lines.append(indent + self._fill(random.choice(SIMPLE)))
        return lines

    def _fill(self, template: str) -> str:
        return template.format(
            a=self.name(),
            b=self.name(),
            c=self.noun(),
            n=self.random.randint(1, 500),
            t=f'"{self.noun()}_{self.noun()}"',
            w=f"{self.random.choice(VERBS)} {self.noun()}",
        )
