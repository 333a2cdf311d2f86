"""The words of a question that are about asking: "Can you remind me what we said about …".

They say nothing of what is looked for, but stand in many talks. English only; elsewhere a question
is taken as it is.
"""

import re

_TALKS = r"(?:conversations?|chats?|sessions?|discussions?|messages|talks|questions)"
_SPOKE = (
    r"(?:brought up|bring up|mention(?:ed)?|talk(?:ed)? about|discuss(?:ed)?|sa(?:y|id)|tell you"
    r"|told (?:you|me)|ask(?:ed)?(?: you)? about|went over|covered)"
)
_FRAMES = re.compile(
    r"^\W*(?:(?:please|hey|hi|so|ok(?:ay)?)\W+)*(?:can|could|would|will) you\b"
    r"|\bplease\b"
    r"|\b(?:help me (?:to )?|tell me|remind me(?: of)?|give me|show me|walk me through"
    r"|do you (?:remember|recall|know))\b"
    r"|\b(?:a |an |the )?(?:(?:clear|brief|short|full|complete|comprehensive|detailed|quick) )*"
    r"(?:summary|overview|recap|list) of\b"
    r"|\b(?:summari[sz]e|list)\b"
    r"|\bthe order in which\b|,?\s*in order(?=\s*[.?!]|\s*$)"
    rf"|\b(?:did|have|had) (?:I|we|you) {_SPOKE}\b"
    rf"|\b(?:I|we|you)(?:['\u2019](?:ve|d)| have| had)? (?:been )?{_SPOKE}\b"
    r"|\b(?:throughout|across|during|over|in|from) (?:all )?(?:of )?(?:our|my|these|the|those) "
    rf"(?:(?:previous|past|earlier|last|recent) )?{_TALKS}\b"
    r"|\b(?:different|various) (?:aspects|things|parts|topics) (?:of|about)\b"
    r"|\bmention only\b[^.?!]*"
    r"|\bso far\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w{3,}")


def without_frame(query: str) -> str:
    """The query itself where too little would be left."""
    core = " ".join(_FRAMES.sub(" ", query).split())
    return core if len(_WORD.findall(core)) > 1 else query
