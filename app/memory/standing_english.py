"""How English says what goes on holding: instructions, preferences, who someone is.

Each pattern is matched where a clause begins (app/memory/standing.py). The slot names what a later
statement replaces: who says "I live in Bonn" no longer lives in Ulm. A slot that begins with `now`
is a state that passes; `{}` in it is the pattern's first group. One that ends in `?` is replaced,
and replaces nothing: who is a nurse may be a barista too, but not who says "I'm a carpenter now".
"""

I_AM = r"i(?:'?m| am)"
NOT = r"(?:do not|don't|dont|no longer|never|cannot|can't|cant)"
HOW = (
    r"(?:really|truly|absolutely|generally|usually|typically|mostly|much|always|personally|still|"
    r"also|just|definitely|strongly|particularly|especially|honestly|simply|actually)"
)
HOWS = rf"(?:{HOW}\s+){{0,2}}"

DO = (
    r"(?:include|use|answer|reply|respond|write|format|give|provide|show|explain|add|cite|quote|"
    r"start|begin|end|finish|call|address|mention|list|return|check|ask|tell|remind|double-check|"
    r"speak|talk|translate|summari[sz]e|specify|highlight|convert|avoid|suggest|recommend|confirm|"
    r"limit|offer|describe|present|structure|compare|display|state|wrap|refer|spell|assume|prefer|"
    r"recommend|warn|note|attach|link|sign|greet|propose|send|"
    r"be (?:more |very |as )?(?:brief|concise|short|polite|formal|informal|honest|direct|specific|"
    r"detailed|clear|kind|careful|strict)|"
    r"(?:keep|make) (?:it|them|things|your|the|all|any|every|sure)|"
    r"(?:put|do|say|treat|consider|round|order|sort) \w+)"
)
ANSWERS = r"(?:answers?|repl(?:y|ies)|responses?|messages?|explanations?|summar(?:y|ies)|outputs?)"
LANGUAGES = (
    r"(?:english|french|german|spanish|italian|portuguese|dutch|polish|russian|ukrainian|turkish|"
    r"arabic|hebrew|hindi|chinese|mandarin|cantonese|japanese|korean|swedish|danish|norwegian|"
    r"finnish|greek|czech|romanian|hungarian|vietnamese|thai|indonesian|latin)"
)
EVER = r"(?:from now on|from here on(?: out)?|from this point on|henceforth|as of now)"
LATER = r"(?:going forward|in (?:the )?future)"
ASKED = r"i (?:ask|say|mention|request|want|tell|write|send|share|talk|paste)\b"
WHENEVER = rf"(?:whenever|every time|each time|any time|anytime) {ASKED}"
TOLD = (
    rf"(?:please |always |never |only |(?:do not|don't|dont|{DO}|call)\b|you (?:should|must|can|"
    rf"may)\b|"
    r"i(?:'d like| want| need| would like| expect) you\b|(?:can|could|would|will) you\b)"
)

INSTRUCTIONS = [
    ("answer in", r"(?:always |only )?(?:answer|reply|respond|speak|talk|write)(?: to me| me| "
     r"back)? "
     rf"(?:only |always )?in {LANGUAGES}\b(?! (?:class|the|this))"),
    (None, rf"always (?:please )?{DO}\b"),
    (None, r"never (?:ever )?(?:use|include|call|add|mention|suggest|recommend|answer|reply|"
     r"respond|"
     r"write|send|ask|tell|apologi[sz]e|translate|format|assume|address|start|end|put|repeat)\b"),
    (None, rf"(?:{EVER}|{LATER}),? {TOLD}"),
    (None, rf"(?:{WHENEVER}|when {ASKED})[^,?]{{0,80}}, {TOLD}"),
    (None, rf"{DO}\b[^?]{{1,120}}\b(?:{EVER}|{WHENEVER})"),
    (
        None,
        r"(?:do not|don't|dont|stop|quit) (?:ever )?"
        r"(?:us(?:e|ing)|call(?:ing)? me|send(?:ing)? me|say(?:ing)?|apologi[sz](?:e|ing)|"
        r"repeat(?:ing)?|suggest(?:ing)?|recommend(?:ing)?|includ(?:e|ing)|add(?:ing)?|"
        r"mention(?:ing)?|ask(?:ing)? me|remind(?:ing)? me|translat(?:e|ing)|"
        r"address(?:ing)? me|writ(?:e|ing) in|answer(?:ing)? in|tell(?:ing)? me)\b"
        r"(?! (?:it|that|this|me that|me this|me it)[.!]?$)",
    ),
    ("call me", r"call me (?:by )?(?!back|later|when|at|on|in|"
     r"if|tomorrow|tonight|today|a\b|an\b|the\b|again|asap|once|before|after|crazy|old|any|now|up|"
     r"maybe|and|or|to|out|soon|please|for|with)\w+"),
    ("call me", r"(?:address me|refer to me) (?:as|by)\b"),
    (None, rf"keep (?:all |your |the )*{ANSWERS} \w+"),
    (None, r"(?:only )?use (?:the )?(?:metric|imperial|british|american|celsius|"
     r"fahrenheit|24-hour|12-hour|si|iso)\b"),
    (None, r"(?:remember|keep in mind|bear in mind|note|do not forget|don't forget|"
     r"never forget|take note)(?: this)?(?: that|:) (?:i|i'm|my|we|our|you should|the user)\b"),
    (None, r"remember (?:my|i'm|i am|i have|i like|i prefer|i need|i live|i hate)\b"),
]  # fmt: skip

LIKED = (
    r"(?!it\b|that\b|this\b|these\b|those\b|them\b|you\b|your\b|how\b|what\b|where\b|when\b|the\b|"
    r"him\b|her\b|his\b|their\b|to (?:hear|see|say|know|think|admit|ask|bother|break|interrupt|"
    r"disappoint|be|tell)\b|hearing\b|seeing\b|both\b|all\b|every\b|each\b|so\b|about\b|and\b|"
    r"too\b|"
    r"or\b|but\b|because\b|its\b|one\b|some\b|any\b|such\b|as\b|being able\b|us\b|myself\b|idea\b|"
    r"for\b|if\b|in\b|of\b|with\b|most\b|more\b|much\b|to\W*$|"
    r"\w+ing (?:it|them|that|this|you|him|her|those)\b)\w+"
)

PREFERENCES = [
    ("favourite {}", r"my (?:all-time |absolute |personal )?favou?rite ((?:\w+ ){0,2}\w+?) "
     r"(?:is|are|has always been|will always be|was always)\b(?! (?:when|how|that it))"),
    (None, rf"i {HOWS}prefer (?!not to (?:say|answer|think))\w+"),
    (None, r"i(?:'d| would) (?:much |really )?(?:rather|prefer) "
     r"(?!not (?:say|answer|talk|discuss|think|go into)|be (?:here|there|with))\w+"),
    (None, rf"i {HOWS}(?:hate|dislike|detest|loathe) {LIKED}"),
    (None, rf"i {HOWS}(?:love|like|enjoy|adore) {LIKED}"),
    (None, rf"i {NOT} {HOWS}(?:like|enjoy|eat|drink|care for|stand|tolerate|use|trust|smoke) "
     rf"{LIKED}"),
    (None, r"i (?:do not|don't|dont|no longer|never) (?:eat|drink|smoke|drive|fly)\b"
     r"(?! (?:it|that|this)\b)"),
    (None, rf"i (?:can't|cannot|cant) stand (?:{LIKED}|the)"),
    (None, rf"i {HOWS}(?:avoid|stay away from|stick to|favou?r|lean towards?) {LIKED}"),
    (None, rf"{I_AM} (?:not )?(?:a |an )?(?:{HOW} )?(?:big |huge |massive |great |total )?"
     r"(?:fan of|fond of|keen on|into) (?!it\b|that\b|this\b|the (?:idea|plan|way)\b)\w+"),
    ("diet", rf"{I_AM} (?:not )?(?:a |an )?(?:{HOW} |now |strict |strictly |lifelong )?"
     r"(?:vegetarian|vegan|pescatarian|pescetarian|flexitarian|teetotal|keto|halal|kosher)\b"),
    (None, rf"{I_AM} (?:a |an )?(?:{HOW} )?(?:big |huge )?(?:morning|night|cat|dog|coffee|tea|"
     r"people|outdoors?) (?:person|owl|lover|drinker)\b"),
    (None, r"i (?:follow|keep|eat|am on|stick to) (?:a |an )?(?:strict(?:ly)? )?(?:vegetarian|"
     r"vegan|"
     r"kosher|halal|gluten-free|low-carb|keto|mediterranean|plant-based|dairy-free)\b"),
    (None, r"my preference is\b(?! not)"),
]  # fmt: skip

ROLE = (
    r"(?:\w+(?:eer|ist|ician|grapher|logist|wright|keeper|maker|worker|teacher|trainer|driver|"
    r"writer|painter|dancer|singer|manager|officer|owner|developer|designer|programmer|lawyer|"
    r"researcher|lecturer|engineer|founder|farmer|runner|gamer|player|speaker|learner|beginner|"
    r"editor|author|actor|doctor|professor|tutor|director|investor|contractor|translator|"
    r"counsellor|counselor|instructor|conductor|sculptor|administrator|educator|mentor|curator)|"
    r"manager|teacher|engineer|artist|nurse|paramedic|student|undergraduate|graduate|postdoc|"
    r"veteran|soldier|pilot|chef|cook|baker|barista|waiter|waitress|farmer|clerk|accountant|"
    r"analyst|consultant|architect|attorney|lawyer|judge|vet|veterinarian|librarian|musician|"
    r"physician|surgeon|dentist|therapist|assistant|intern|apprentice|coach|writer|owner|founder|"
    r"freelancer|entrepreneur|executive|ceo|cto|cfo|sysadmin|carpenter|plumber|mechanic|"
    r"welder|butcher|priest|pastor|monk|nun|rabbi|imam|politician|mathematician|historian|"
    r"technician|electrician|mother|father|mom|mum|dad|parent|grandmother|grandfather|grandparent|"
    r"widow|widower|twin|orphan|immigrant|refugee|citizen|native|resident|christian|muslim|hindu|"
    r"buddhist|jew|atheist|catholic|democrat|republican|man|woman|guy|girl|boy|teenager|adult|"
    r"senior|junior|freshman|sophomore|pensioner|retiree|homeowner|landlord|diabetic|newbie|"
    r"programmer|developer|designer|photographer|journalist|editor|actor|actress|firefighter|"
    r"policeman|detective|minimalist|smoker|trader|banker|broker|salesman|realtor|cashier|"
    r"receptionist|secretary|caregiver|nanny|au pair|model|stylist|hairdresser|driver|sailor|"
    r"fisherman|lifeguard|athlete|runner|cyclist|swimmer|climber|gamer|reader|member of)"
)
WORK = (
    r"(?:(?:senior|junior|lead|head|freelance|full-time|part-time|registered|licensed|certified|"
    r"software|web|data|graphic|primary|secondary|high|school|social) ){0,2}"
    r"(?:manager|teacher|engineer|nurse|paramedic|soldier|pilot|chef|barista|waiter|waitress|farmer|"
    r"clerk|accountant|analyst|consultant|architect|attorney|lawyer|vet|veterinarian|librarian|"
    r"physician|surgeon|dentist|therapist|carpenter|plumber|mechanic|welder|butcher|priest|pastor|"
    r"technician|electrician|programmer|developer|designer|journalist|firefighter|policeman|"
    r"detective|banker|broker|salesman|realtor|cashier|receptionist|secretary|hairdresser|"
    r"social worker|bookkeeper|photographer|lecturer|bus driver|truck driver|taxi driver)"
)
"""What one lives by, and hardly by two of them."""

KIN = (
    r"(?:wife|husband|partner|spouse|girlfriend|boyfriend|fianc[eé]e?|son|daughter|brother|sister|"
    r"mother|mom|mum|father|dad|grandmother|grandma|grandfather|grandpa|aunt|uncle|cousin|nephew|"
    r"niece|dog|cat|puppy|kitten|horse|boss|manager|best friend|roommate|flatmate|therapist|doctor|"
    r"landlord|teacher|colleague|kids|children|sons|daughters|dogs|cats|brothers|sisters|parents)"
)
NUMBER = r"(?:a|an|one|two|three|four|five|six|seven|no|\d+|twin|many)"
NO_PLACE = r"(?!(?:fear|hope|peace|the (?:moment|past|future|present)|a (?:world|way|bubble))\b)"
SINCE = r"(?: (?:currently|now|also|still|actually|both|originally|mostly))?"

IDENTITY = [
    ("name", r"my (?:full |first |last |real |given )?name(?: is|'s) (?!not\b|on\b|in\b|a\b|the\b|"
     r"spelled\b)\w+"),
    ("name", r"(?:i go by|people call me|everyone calls me|my friends call me) (?!the\b|it\b)\w+"),
    ("pronouns", r"my pronouns are \w+"),
    ("age", rf"{I_AM} (?:\d{{1,3}})(?: years? old\b| yo\b|$|[.,!])"),
    ("age", rf"{I_AM} (?:a |an )?\d{{1,3}}[- ]years?[- ]old\b"),
    ("birthday", r"(?:my birthday(?: is|'s)|i was born (?:on|in))(?! (?:coming|soon|next|over|"
     r"tomorrow|today|a\b|great|around|the wrong)) \w+"),
    ("lives in", rf"i{SINCE} live (?:in|near|at|outside|close to|on the) {NO_PLACE}\w+"),
    ("lives in", r"(?:i've|i have) (?:lived|been living) (?:in|near) \w+[^.]{0,40}\b"
     r"(?:for|since|all my life)\b"),
    ("lives in", r"(?:i|i've|i have|we|we've|we have)(?: just| recently| now)? moved "
     r"(?:(?:\w+ )?from [\w ]{1,30} )?(?:back )?to (?!the next|a different|another|be\b|"
     r"(?:help|start|work)\b)\w+"),
    ("lives in", rf"{I_AM}{SINCE} (?:based|living|residing) (?:in|near|outside) {NO_PLACE}\w+"),
    ("from", rf"{I_AM} (?:originally )?from (?!the (?:future|past|start|beginning)|now|there|"
     r"here|a\b|scratch|what)\w+"),
    ("from", r"i (?:grew up|was raised|come from) (?:in |on |a )?(?!with\b|watching\b|"
     r"playing\b)\w+"),
    ("works at", r"i(?: currently| now| also| still)? work (?:at|for) (?!it\b|this\b|that\b|me\b|"
     r"the (?:moment|next|best|time)|\d|all\b|least\b|night\b|hours\b|home\b)\w+"),
    ("job", r"i(?: currently| now| also| still)? work as (?:a|an|the)\b"),
    ("job", r"i(?: currently| now| also| still)? work in (?!the (?:morning|evening|afternoon|same)|"
     r"a (?:similar|different)|progress|this\b|that\b|my\b|an?\b)\w+"),
    ("job", rf"{I_AM} working as (?:a|an|the)\b"),
    ("job", r"my (?:job|profession|occupation|day job) (?:is|as) (?!done|killing|so|to be|very|not|"
     r"going|really|stress|hard|on|at|getting)\w+"),
    ("job", rf"{I_AM} now (?:a|an) {WORK}(?=$|[.,;!])"),
    ("job", rf"{I_AM} (?:a|an) {WORK} (?:now|these days)(?=$|[.,;!])"),
    ("job", rf"i(?:'ve| have)?(?: just| recently)? (?:became|become) (?:a|an) {WORK}(?=$|[.,;!])"),
    ("job?", rf"{I_AM} (?:a|an) {WORK}(?=$|[.,;!])"),
    ("works at", rf"{I_AM} employed (?:at|by|as) \w+"),
    (None, rf"{I_AM}{SINCE} (?:a|an|the) (?:[\w-]+ ){{0,4}}{ROLE}\b"
     r"(?! (?:of mine|short|away|behind|ahead|now that|at heart))"),
    ("studies", r"i(?: currently| now)? (?:study|major in) (?!for\b|hard\b|it\b|this\b|that\b|"
     r"every\b|the (?:map|problem)|with\b|better\b)\w+"),
    ("married", rf"{I_AM}{SINCE}(?: happily| newly| recently)? (?:married|engaged to|divorced|"
     r"widowed|separated|single)\b(?! (?:handed|out|minded|to the))"),
    (None, rf"{I_AM}{SINCE} (?:retired|unemployed|self-employed|disabled|left-handed|right-handed|"
     r"colou?r-?blind|dyslexic|deaf|blind|diabetic|asthmatic|autistic|bisexual|gay|lesbian|"
     r"transgender|trans|non-?binary|celiac|coeliac|bilingual|hard of hearing|neurodivergent)\b"
     r"(?! (?:to|from|by))"),
    (None, rf"{I_AM} (?:\w+ )?(?:allergic to|intolerant (?:to|of)|lactose[- ]intolerant|"
     r"gluten[- ]intolerant)(?! (?:him|her|you|work)\b)"),
    (None, r"i (?:have|suffer from|was diagnosed with|live with|'ve got|have got) (?:a |an |"
     r"severe |"
     r"mild |chronic |type \d )*(?:\w+ allerg(?:y|ies)|diabetes|asthma|adhd|add|autism|epilepsy|"
     r"arthritis|celiac|coeliac|migraines?|dyslexia|anxiety|depression|ptsd|ibs|hypertension|"
     r"high blood pressure|tinnitus|insomnia|allerg(?:y|ies) to)\b"),
    ("{} name", rf"my ({KIN})(?:'s name is| is (?:called|named)|'s called) \w+"),
    ("{} name", rf"my ({KIN})(?:'s names|s' names) are \w+"),
    (None, rf"my {KIN}(?: is|'s) (?:a|an) (?:[\w-]+ ){{0,2}}{ROLE}\b"),
    (None, rf"i(?:'ve got| have(?: got)?) {NUMBER} (?:[\w-]+ ){{0,2}}{KIN}\b"
     r"(?! (?:appointment|who (?:can|could)|to (?:talk|see|meet)|meeting|visit))"),
    ("speaks", rf"i speak (?:fluent |native |some |a little )?{LANGUAGES}\b"),
    ("native language", r"my (?:native|first|mother) (?:language|tongue) is \w+"),
    ("{}", r"my (e-?mail(?: address)?|phone(?: number)?|home address|address|time ?zone|"
     r"blood type|shoe size|star sign|zodiac sign|nationality|religion) is "
     r"(?!not|wrong|broken|dead|off|on|no|the same|in the)\w+"),
    (None, rf"{I_AM} (?:(?:american|british|english|scottish|irish|welsh|german|french|spanish|"
     r"italian|dutch|swiss|austrian|polish|russian|ukrainian|turkish|greek|indian|chinese|japanese|"
     r"korean|vietnamese|mexican|brazilian|canadian|australian|swedish|danish|norwegian|finnish|"
     r"jewish|muslim|christian|catholic|hindu|buddhist|latin[oa]|african)\b)"),
    (None, r"i (?:own|run|founded|co-founded) (?:a|an|my own|the) (?:[\w-]+ ){0,3}(?:business|"
     r"company|startup|shop|store|restaurant|caf[eé]|bakery|farm|agency|studio|house|car|"
     r"salon|gym)\b"),
    ("now learning", rf"{I_AM} (?:currently |now |also )?(?:learning|studying) (?!about\b|how\b|a "
     rf"lot|"
     r"to\b|so\b|as\b|a ton\b|from\b|new\b|more\b|that\b|this\b|it\b|the\b|every)\w+"),
    ("now training", rf"{I_AM} (?:currently |now )?(?:training|preparing|studying) for "
     r"(?!this\b|that\b|it\b)\w+"),
    ("now looking", rf"{I_AM} (?:currently |now |actively )?(?:looking for|searching for|hunting "
     rf"for) "
     r"(?:a |an )?(?:new |another |different )?(?:job|apartment|flat|house|place to live|position|"
     r"roommate|internship|home)\b"),
    ("now working on", rf"{I_AM} (?:currently |now )(?:working on|writing|building|developing|"
     r"reading|recovering from|on (?:a|parental|maternity|sick)) "
     r"(?!it\b|that\b|this\b|and\b|or\b|but\b)\w+"),
    ("now pregnant", rf"{I_AM} (?:\w+ (?:weeks|months) )?pregnant\b"),
    ("works at", r"i(?: just| recently|'ve just| have just)? (?:started|got|took) (?:a |my )?"
     r"(?:new )?(?:job|position|role) (?:at|with|as) \w+"),
]  # fmt: skip

THIRD_PERSON = {
    "instruction": r"(?:wants|asks|asked|would like|expects|likes) "
    r"(?:the assistant |you |answers |replies |all answers |every answer )"
    r"(?:to (?:always|never|be|use|answer|reply|respond|call|write)|in)\b",
    "preference": r"(?:(?:really |strongly |always |usually )?(?:prefers|likes|loves|hates|"
    r"dislikes|"
    r"enjoys|adores|avoids|can't stand)|(?:does not|doesn't) (?:like|eat|drink|want)|"
    r"is (?:a |an )?(?:vegetarian|vegan|pescatarian|fan of|fond of))\b",
    "identity": r"(?:lives in|works (?:at|for|as|in)|is (?:allergic to|married|divorced|retired|"
    rf"based in|from|\d{{1,3}} years old)|is (?:a|an) (?:[\w-]+ ){{0,3}}{ROLE}|speaks|was born|has "
    rf"{NUMBER} (?:\w+ )?{KIN})\b",
}
"""Of notes and facts, which speak about the user."""

THIRD_SLOTS = {
    "lives in": "lives in",
    "is based in": "lives in",
    "works at": "works at",
    "works for": "works at",
    "works as": "job",
    "works in": "job",
    "is from": "from",
}

LEADS = (
    r"and|but|so|because|since|as|that|well|hi|hello|hey|actually|currently|yes|no|oh|yeah|yep|btw|"
    r"though|although|now|today|fyi|ok|okay|honestly|personally|basically|anyway|plus|sure|thanks|"
    r"considering|given|while|however|lol|haha|generally|please|just|then|nope|hmm|um|uh|usually"
)
"""Words after which a clause begins."""

ASKING = (
    r"(?:(?:can|could|would|will) you (?:please )?|please |kindly |you (?:should|must|may|can) |"
    r"i(?:'d like| want| need| would like|'d prefer) you to |make sure (?:to |you |that you ))"
    r"(?:also |just )?"
)
"""What may stand before an instruction."""

UNREAL = (
    r"\b(?:if|whether|imagine|suppose|supposing|pretend|assume|assuming|let's say|as though|wish|"
    r"unless|say that|role-?play|until|lest|hope|hoping|would be|act like)\b"
)
"""What is said after these is not so."""
