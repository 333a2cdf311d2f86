"""What evidence recall found, of one data set, as tables and claims."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from tests.bench.dataset import Question
from tests.bench.measure import Ratio, percentile
from tests.bench.report import Claim, Table, at_least, at_most
from tests.bench.scoring import CUTS, METRICS, averages, coverage

SHOWN = 10
"""Of this many first turns the arms and examples are told."""

LOCOMO_FLOOR = 0.64
LOCOMO_AIM = 0.83
EPISODES_AIM = 0.95
EPISODES = 5
BEAM_AIM = 0.72
BEAM_SHOWN = 20
MILLISECONDS_MAX = 50


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One question: what recall returned, and what each control would have."""

    conversation: str
    question: Question
    ranking: list[str]
    signals: dict[str, dict[str, Any]]
    milliseconds: float
    confidence: float
    sessions: dict[str, str]
    """The session of each turn of the conversation."""
    dense: list[str] = []
    words: list[str] = []


Ranking = Callable[[Judged], list[str]]
RANKINGS: dict[str, Ranking] = {
    "recall": lambda one: one.ranking,
    "control: dense alone": lambda one: one.dense,
    "control: BM25 alone": lambda one: one.words,
}


def report(name: str, judged: Sequence[Judged]) -> tuple[list[Table], list[Claim]]:
    tables = [
        _overall(name, judged),
        _by_category(name, judged),
        _proposers(name, judged),
        _examples(name, judged),
    ]
    return tables, _claims(name, judged)


def _overall(name: str, judged: Sequence[Judged]) -> Table:
    averaged = {label: _averages(judged, by) for label, by in RANKINGS.items()}
    rows = [
        {
            "ranking": label,
            "metric": metric,
            **{f"@{k}": round(found[f"{metric}@{k}"], 3) for k in CUTS},
        }
        for metric in METRICS
        for label, found in averaged.items()
    ]
    times = [one.milliseconds for one in judged]
    p50, p95 = percentile(times, 50), percentile(times, 95)
    conversations = len({one.conversation for one in judged})
    notes = [
        f"{len(judged):,} questions of {conversations} conversations, whose turns were remembered "
        "by one service and recalled by the next; shares of 1, averaged over questions.",
        f"A recall of {CUTS[-1]} turns, explained: p50 {p50:.1f} ms, p95 {p95:.1f} ms.",
    ]
    return Table(f"Evidence recall, {name}: all questions", rows, notes)


def _by_category(name: str, judged: Sequence[Judged]) -> Table:
    rows = []
    for category in sorted({one.question.category for one in judged}):
        chosen = [one for one in judged if one.question.category == category]
        row: dict[str, Any] = {"category": category, "questions": len(chosen)}
        found = _averages(chosen, RANKINGS["recall"])
        row |= {f"coverage@{k}": round(found[f"coverage@{k}"], 3) for k in CUTS}
        row |= {f"{metric}@10": round(found[f"{metric}@10"], 3) for metric in ("any", "all")}
        for label, by in list(RANKINGS.items())[1:]:
            row[f"{label.partition(': ')[2]} @10"] = round(_averages(chosen, by)["coverage@10"], 3)
        rows.append(row)
    return Table(f"Evidence recall, {name}: by category", rows)


def _averages(judged: Iterable[Judged], by: Ranking) -> dict[str, float]:
    return averages((by(one), one.question.evidence) for one in judged)


def _proposers(name: str, judged: Sequence[Judged]) -> Table:
    """Both halves count only where each brings evidence that the other does not propose."""
    counted = Counter(
        _proposer(one.signals[turn])
        for one in judged
        for turn in one.ranking[:SHOWN]
        if turn in one.question.evidence
    )
    everything = max(counted.total(), 1)
    rows = [
        {"proposed_by": who, "turns": count, "share": round(count / everything, 3)}
        for who, count in counted.most_common()
    ]
    return Table(f"Evidence among the first {SHOWN}, {name}: who proposed it", rows)


def _proposer(signals: dict[str, Any]) -> str:
    by_words = signals["words"]["rank"] is not None
    by_vector = signals["vector"] is not None and signals["vector"]["rank"] is not None
    match by_words, by_vector:
        case True, True:
            return "words and vectors"
        case True, False:
            return "words alone"
        case False, True:
            return "vectors alone"
    return "neither: a neighbour"


def _examples(name: str, judged: Sequence[Judged]) -> Table:
    """Evidence that one half alone proposed, and that the other would have found last of all."""
    rows = []
    for who, other in (("vectors alone", "words"), ("words alone", "vector")):
        found = [
            (float((one.signals[turn][other] or {"score": 0})["score"]), place, turn, one)
            for one in judged
            for place, turn in enumerate(one.ranking[:SHOWN], 1)
            if turn in one.question.evidence and _proposer(one.signals[turn]) == who
        ]
        if found:
            rows.append(_example(who, *min(found, key=lambda example: example[:2])))
    return Table(f"Queries that only one half answers, {name}", rows)


def _example(who: str, _: float, place: int, turn: str, one: Judged) -> dict[str, Any]:
    signals = one.signals[turn]
    return {
        "found_by": who,
        "question": one.question.question,
        "turn": f"{one.conversation} {turn}",
        "place": place,
        "words_score": signals["words"]["score"],
        "cosine": signals["vector"] and signals["vector"]["score"],
    }


def _claims(name: str, judged: Sequence[Judged]) -> list[Claim]:
    found = _over_conversations(judged, SHOWN)
    claims = []
    if name.startswith("locomo"):
        what = f"{name}, turn coverage@{SHOWN}"
        claims.append(at_least(f"{what}: more than stemmed BM25 alone", found, LOCOMO_FLOOR, ""))
        claims.append(at_least(f"{what}: the aim", found, LOCOMO_AIM, ""))
        what = f"{name}, an episode of the evidence among the first {EPISODES}"
        claims.append(at_least(what, _mean(judged, _episode_found), EPISODES_AIM, ""))
    if name.startswith("beam"):
        what = f"{name}, message coverage@{BEAM_SHOWN}"
        claims.append(at_least(what, _over_conversations(judged, BEAM_SHOWN), BEAM_AIM, ""))
    times = [one.milliseconds for one in judged]
    middle, high = percentile(times, 50), percentile(times, 95)
    claims.append(
        at_most(
            f"{name}, a recall, p50 to p95", Ratio(middle, middle, high), MILLISECONDS_MAX, "ms"
        )
    )
    return claims


def _episode_found(one: Judged) -> float:
    """Episodes in the order of their first turn in the ranking."""
    first = list(dict.fromkeys(one.sessions[turn] for turn in one.ranking))[:EPISODES]
    return float(any(one.sessions[turn] in first for turn in one.question.evidence))


def _over_conversations(judged: Sequence[Judged], k: int) -> Ratio:
    return _mean(judged, lambda one: coverage(one.ranking, one.question.evidence, k))


def _mean(judged: Sequence[Judged], share: Callable[[Judged], float]) -> Ratio:
    """Over all questions; and of the lowest and the highest conversation."""

    def mean(chosen: Sequence[Judged]) -> float:
        return sum(share(one) for one in chosen) / len(chosen)

    each = [
        mean([one for one in judged if one.conversation == conversation])
        for conversation in {one.conversation for one in judged}
    ]
    return Ratio(mean(judged), min(each), max(each))
