"""Published figures that stand beside ours. They are not measured in a run of ours."""

SOURCE = "DESIGN §7, measured on two cores; not in this run"

LITELLM_ADDED_MS = 10.7
LITELLM_REQUESTS_PER_SECOND = {"stream": 94.0, "whole": 105.0}
LITELLM_HIT_MS = 8.7
LITELLM_HITS_PER_SECOND = 175.0

PASS_THROUGH_ADDED_MS = {"stream": 0.8, "whole": 0.4}
PASS_THROUGH_PER_SECOND = {"stream": 2700.0, "whole": 4500.0}

# LiteLLM and the pass-through were measured on one machine on one day, which ours is not: so it is
# their ratio that counts. The source gives ranges; which end is the stream's is our reading.


def litellm_added_to_pass_through(shape: str) -> float:
    return LITELLM_ADDED_MS / PASS_THROUGH_ADDED_MS[shape]


def litellm_calls_to_pass_through(shape: str) -> float:
    return LITELLM_REQUESTS_PER_SECOND[shape] / PASS_THROUGH_PER_SECOND[shape]
