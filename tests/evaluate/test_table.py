import json
import math

from textus.evaluate.bits_per_byte import Evaluation, Score
from textus.evaluate.table import evaluation_json, read_evaluation, score_table


def _evaluation() -> Evaluation:
    return Evaluation(
        sources={
            "plays": Score(nats=math.log(2) * 300, tokens=100, bytes=200, documents=3),
            "poems": Score(nats=math.log(2) * 100, tokens=50, bytes=200, documents=1),
        }
    )


def test_json_holds_every_source_and_the_total():
    data = json.loads(json.dumps(evaluation_json(_evaluation())))
    assert data["sources"]["plays"]["bits_per_byte"] == 1.5
    assert data["total"]["bits_per_byte"] == 1.0
    assert data["total"]["documents"] == 4
    assert read_evaluation(data) == _evaluation()


def test_table_has_a_total_only_where_there_are_several_sources():
    both = score_table(_evaluation())
    assert [line.split()[0] for line in both[1:]] == ["plays", "poems", "total"]
    assert "1.0000" in both[-1]
    one = Evaluation(sources={"plays": _evaluation().sources["plays"]})
    assert [line.split()[0] for line in score_table(one)[1:]] == ["plays"]
