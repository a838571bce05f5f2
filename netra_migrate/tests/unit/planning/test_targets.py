import msgspec
import pytest

from netra_migrate.configuration import Adapter, Configuration, SymbolRule
from netra_migrate.domain.outcomes import ConfigurationError
from netra_migrate.domain.plan import Decision, Target
from netra_migrate.domain.references import Form
from netra_migrate.domain.survey import Symbol
from netra_migrate.planning.plan import plan
from netra_migrate.planning.targets import candidates
from netra_migrate.tests.scanning import CONFIGURATION
from netra_migrate.tests.surveys import OLD, survey, uses


def ruled(**rules: SymbolRule) -> Configuration:
    """The configuration with these rules."""
    return msgspec.structs.replace(CONFIGURATION, symbols=rules)


def target(name: str, configuration: Configuration = CONFIGURATION, **texts: str) -> Target:
    """What a symbol that is used becomes; a question if and only if undecided."""
    made = plan(survey(uses("a.py", name), **texts), configuration)  # type: ignore[arg-type]  # old, new
    (found,) = (each for each in made.targets if each.symbol == name)
    assert (found in made.open_questions) is not found.decided
    return found


def test_same_where_both_sides_agree() -> None:
    """Name, bases, constructor and message types; values by name alone."""
    assert target("Ping") == Target(
        symbol="Ping",
        decision=Decision.SAME,
        to="app.new.Ping",
        message_types=("ping",),
        reason="both sides agree",
    )
    assert target("LIMIT").to == "app.new.LIMIT"


def test_a_name_alone_is_not_the_same() -> None:
    """The reason names each difference and what to write, with the nearest symbol that there is."""
    assert target("Start") == Target(
        symbol="Start",
        decision=Decision.NONE,
        decided=False,
        reason="symbols.Start: the constructors differ (supervisor, db → supported_types); "
        'say [symbols.Start] decision = "renamed", to = "app.new.Start", drop = ["supervisor","db"] '
        "(nearest: Start, StartRun)",
    )


def test_arguments_without_a_name_are_known_up_to_a_star() -> None:
    """What comes behind `*args` cannot be meant by its place."""
    old = "class Start:\n    def __init__(self, hub, *rest, db=None, **more): ..."
    assert target("Start", ruled(Start=SymbolRule(to="StartRun")), old=old).constructor == ("hub",)


@pytest.mark.parametrize(
    ("new", "difference"),
    [
        ("class Ping(Thing):\n    message_types = ['ping']", "the bases differ (BaseMessageHandler → Thing)"),
        ("class Ping(BaseHandler):\n    message_types = ['pong']", "the message types differ (ping → pong)"),
        ("Ping = 3", "one is a class, the other a value"),
        ("def ping(): ...", "app.new has no Ping"),
    ],
)
def test_differences(new: str, difference: str) -> None:
    """Any of them leaves the symbol to people."""
    found = target("Ping", new=new)
    assert not found.decided
    assert found.reason.startswith(f"symbols.Ping: {difference}; say [symbols.Ping] decision = ")


def test_functions_compare_their_parameters() -> None:
    """A function is called as well."""
    assert target("make", new="def make(supervisor): ...").decision is Decision.SAME
    assert "the parameters differ (supervisor → none)" in target("make", new="def make(): ...").reason


def test_the_base_class_becomes_the_canonical_one() -> None:
    """Without a rule: canonical.base says it."""
    assert target("BaseMessageHandler") == Target(
        symbol="BaseMessageHandler",
        decision=Decision.RENAMED,
        to="app.new.BaseHandler",
        reason="canonical.base replaces it",
    )


def test_what_the_legacy_module_only_imports_comes_from_its_home() -> None:
    """No decision is needed for it, but for a module."""
    old = "import json\nfrom app.schemas import Message\n"
    assert target("Message", old=old) == Target(
        symbol="Message",
        decision=Decision.RENAMED,
        to="app.schemas.Message",
        reason="app.old only imports it",
    )
    assert not target("json", old=old).decided


def test_a_name_that_is_not_there_is_a_question() -> None:
    """An import that is broken already."""
    assert target("Gone").reason.startswith("symbols.Gone: app.old has no such name; say [symbols.Gone]")


def test_symbols_that_nobody_uses_need_no_decision() -> None:
    """Neither those named in words only, nor those of a dead patch."""
    made = plan(
        survey(
            uses("a.py", "Start", form=Form.COMMENT),
            uses("b.py", "Start", form=Form.PATCH, exists=False),
            uses("c.py", "Gone", form=Form.PATCH, exists=False),
        ),
        CONFIGURATION,
    )
    assert made.open_questions == ()
    assert Target(symbol="Start", decision=Decision.NONE, reason="nobody uses it by name") in made.targets


def test_a_star_also_brings_what_the_module_imports() -> None:
    """Its users then take that from where it comes from; a whole module that it imports is left to them."""
    old = "import os\nfrom app.schemas import Message\n" + OLD
    made = plan(survey(uses("app/a.py", "*", form=Form.STAR), old=old), CONFIGURATION)
    assert {each.symbol: each.to for each in made.targets if each.symbol in ("Message", "os")} == {
        "Message": "app.schemas.Message"
    }


def test_a_star_asks_for_what_has_a_namesake() -> None:
    """The rest is not known to be used; a file that uses it is refused by its line, and no plan is held up."""
    made = plan(survey(uses("a.py", "*", form=Form.STAR)), CONFIGURATION)
    assert [each.symbol for each in made.open_questions] == ["Start"]
    used = plan(survey(uses("a.py", "*", form=Form.STAR), uses("b.py", "make")), CONFIGURATION)
    assert [each.symbol for each in used.open_questions] == ["Start", "make"]


def test_patched_attributes_are_of_their_class() -> None:
    """`app.old.Start.handle` uses Start."""
    made = plan(survey(uses("a.py", "Start.handle", form=Form.PATCH)), CONFIGURATION)
    assert [each.symbol for each in made.open_questions] == ["Start"]


def test_what_every_module_has_needs_no_decision() -> None:
    """`patch.dict("app.old.__dict__", …)` is about the module."""
    assert plan(survey(uses("a.py", "__dict__", form=Form.PATCH)), CONFIGURATION).open_questions == ()


def test_a_base_that_wants_more_is_asked_for() -> None:
    """A canonical base whose constructor wants what no legacy handler gives would be left without it."""
    base = Symbol(name="BaseHandler", kind="class", line=1, constructor=("types",), required=("types",))
    found = plan(
        msgspec.structs.replace(survey(uses("a.py", "BaseMessageHandler")), canonical=(base,)),
        CONFIGURATION,
    )
    assert [each.reason for each in found.open_questions] == [
        "symbols.BaseMessageHandler: BaseHandler.__init__ wants types, which legacy handlers do not give; "
        'say [symbols.BaseMessageHandler] decision = "renamed", to = "BaseHandler", add = { types = "…" }'
    ]


def test_rules_decide() -> None:
    """Names without a dot are of the canonical module."""
    rule = SymbolRule(to="StartRun", drop=("db",), rename={"supervisor": "hub"}, add={"n": "1"}, reason="why")
    assert target("Start", ruled(Start=rule)) == Target(
        symbol="Start",
        decision=Decision.RENAMED,
        to="app.new.StartRun",
        drop=("db",),
        rename={"supervisor": "hub"},
        add={"n": "1"},
        constructor=("supervisor", "db"),
        message_types=("start",),
        reason="why",
    )
    assert target("Start", ruled(Start=SymbolRule(drop=("db",)))).to == "app.new.Start"
    written_out = SymbolRule(decision=Decision.SAME, to="app.new.Start")
    assert target("Start", ruled(Start=written_out)).to == "app.new.Start"
    elsewhere = SymbolRule(decision=Decision.RENAMED, to="app.other.Start")
    assert target("Start", ruled(Start=elsewhere)).to == "app.other.Start"


def test_adapt_needs_no_target() -> None:
    """Only an adapter."""
    configuration = msgspec.structs.replace(
        ruled(Start=SymbolRule(decision=Decision.ADAPT)), adapter=Adapter(to_canonical="app.adapt.wrap")
    )
    found = target("Start", configuration)
    assert (found.decision, found.decided, found.to) == (Decision.ADAPT, True, None)


def test_none_stops_where_it_is_used() -> None:
    """And says where; unused it is fine."""
    configuration = ruled(Start=SymbolRule(decision=Decision.NONE))
    assert target("Start", configuration).reason == (
        "symbols.Start: it has no target but is used at a.py:3; take the use out or name a target"
    )
    assert plan(survey(), configuration).open_questions == ()


@pytest.mark.parametrize(
    ("name", "rule", "mistake"),
    [
        ("Strat", SymbolRule(to="StartRun"), "symbols.Strat: app.old has no such name; did you mean Start?"),
        ("Zzz", SymbolRule(to="StartRun"), "symbols.Zzz: app.old has no such name; take the rule out."),
        (
            "Start",
            SymbolRule(to="StartRnu"),
            "symbols.Start.to: app.new has no StartRnu; did you mean StartRun?",
        ),
        ("Start", SymbolRule(to="app.new.Qq"), "symbols.Start.to: app.new has no Qq; write it first."),
        (
            "Start",
            SymbolRule(decision=Decision.RENAMED),
            'symbols.Start.to: "renamed" needs the new name; give it, or say "same".',
        ),
        (
            "make",
            SymbolRule(decision=Decision.SAME),
            'symbols.make.decision: app.new has no make; say "renamed" and to what.',
        ),
        (
            "Start",
            SymbolRule(decision=Decision.SAME, to="StartRun"),
            'symbols.Start.to: this is another name; say decision = "renamed", or take `to` out.',
        ),
        (
            "Start",
            SymbolRule(decision=Decision.ADAPT),
            "symbols.Start.decision: there is no [adapter]; name one in adapter.to_canonical.",
        ),
    ],
)
def test_mistakes_in_rules(name: str, rule: SymbolRule, mistake: str) -> None:
    """Each with the path of its key and what to do."""
    with pytest.raises(ConfigurationError) as refused:
        plan(survey(), ruled(**{name: rule}))
    assert str(refused.value) == mistake


def test_a_rule_for_a_name_that_is_used_but_not_there() -> None:
    """It mends an import that is broken already."""
    assert target("Gone", ruled(Gone=SymbolRule(to="StartRun"))).decided


def test_candidates_by_words_and_types() -> None:
    """Names alike, words in common, message types in common; nothing that is just called handler."""

    def named(name: str, *types: str) -> Symbol:
        return Symbol(name=name, kind="class", line=1, message_types=types)

    others = [
        named("AgentHandler", "start_agent"),
        named("StartAgentRequestHandler"),
        named("HeartbeatHandler"),
        named("StartAgentHandlers"),
        named("Quux", "other"),
    ]
    found = candidates(named("StartAgentHandler", "start_agent"), others)
    assert [each.name for each in found] == ["AgentHandler", "StartAgentRequestHandler", "StartAgentHandlers"]


def test_candidates_have_the_beginning_of_a_word_in_common() -> None:
    """All pairs of two large modules could not be compared letter by letter."""
    reset, preset, resets = (
        Symbol(name=name, kind="class", line=1) for name in ("Reset", "Preset", "ResetsAll")
    )
    assert candidates(reset, [preset, resets]) == (resets,)


def test_nobody_is_told_to_drop_a_star() -> None:
    """No call names `*args`, so `drop` cannot."""
    old = "class Start:\n    def __init__(self, hub, *rest, **more): ..."
    assert 'drop = ["hub"] (nearest' in target("Start", old=old).reason
