"""The same for German, French and Spanish: a few sentences that are plain, and no more."""

INSTRUCTIONS = [
    # German
    ("answer in", r"(?:bitte )?(?:antworte|antworten sie|schreib|schreibe|sprich)(?: mir| mit "
     r"mir)? "
     r"(?:bitte )?(?:immer |nur |stets )*auf (?:deutsch|englisch|französisch|spanisch|"
     r"italienisch)"),
    (None, r"(?:ab jetzt|ab sofort|von nun an|in zukunft|künftig),? "
     r"(?:bitte |immer |nie |antworte|schreib|verwende|nutze|benutze|nenn|sprich|sag)"),
    (None, r"(?:bitte )?(?:verwende|benutze|nutze|antworte|schreibe?|nenne?|gib|füge?) "
     r"(?:\w+ ){0,3}(?:immer|nie|niemals|stets)\b"),
    ("call me", r"(?:bitte )?nenn(?:e|en sie)? mich (?!nicht\b)\w+"),
    (None, r"(?:bitte )?(?:merk|merke) dir(?: bitte)?,? (?:dass|:)"),
    (None, r"bitte (?:keine|kein) (?:emojis?|smileys?|ausrufezeichen|tabellen)"),
    # French
    ("answer in", r"(?:réponds|répondez|écris|écrivez|parle|parlez)(?:-moi)? "
     r"(?:toujours |uniquement |seulement )?en (?:français|anglais|allemand|espagnol|italien)"),
    (None, r"(?:à partir de maintenant|désormais|dorénavant),? \w+"),
    (None, r"(?:utilise|utilisez|réponds|répondez|écris|donne|donnez|inclus|ajoute) "
     r"(?:\w+ ){0,2}toujours\b"),
    ("call me", r"appelle(?:z)?[- ]moi (?!demain|plus tard|quand|si|ce|à|dès)\w+"),
    (None, r"n'(?:utilise|utilisez|emploie|ajoute) (?:jamais|pas)\b"),
    (None, r"(?:souviens-toi|rappelle-toi|retiens|souvenez-vous) (?:bien )?qu(?:e|')"),
    # Spanish
    ("answer in", r"(?:responde|respóndeme|responda|contesta|contéstame|escribe|háblame|habla) "
     r"(?:siempre |solo |sólo )?en (?:español|inglés|francés|alemán|italiano)"),
    (None, r"(?:a partir de ahora|de ahora en adelante|desde ahora),? \w+"),
    (None, r"siempre (?:responde|usa|utiliza|incluye|escribe|da|muestra|explica)\b"),
    (None, r"(?:nunca|no) (?:uses|utilices|incluyas|escribas)\b"),
    ("call me", r"llámame (?!mañana|luego|cuando|si|más|por|a|hoy|en)\w+"),
    (None, r"recuerda que (?:soy|me|mi|no|tengo|vivo|prefiero)\b"),
]  # fmt: skip

PREFERENCES = [
    (None, r"ich (?:bevorzuge|mag|liebe|hasse|esse|trinke) "
     r"(?!es\b|das\b|dich\b|ihn\b|sie\b|dies|den\b|die\b|wie\b|gerade|jetzt|heute)\w+"),
    ("diet", r"ich bin (?:veganer|veganerin|vegetarier|vegetarierin|vegan|vegetarisch)\b"),
    ("favourite {}", r"mein(?:e)? lieblings(\w+) (?:ist|sind)\b"),
    (None, r"(?:je|j')\s?(?:préfère|adore|déteste|aime (?:bien |beaucoup )?(?:le|la|les)|"
     r"n'aime pas|ne mange pas|ne bois pas)\b(?! ça| que tu)"),
    ("diet", r"je suis (?:végétarien|végétarienne|végane|végétalien|végétalienne|vegan)\b"),
    ("favourite {}", r"m(?:on|a) (\w+) préférée? (?:est|c'est)\b"),
    (None, r"(?:prefiero|odio|detesto|me encantan?|no me gustan?|me gustan?|no como|no bebo) "
     r"(?!eso\b|esto\b|que\b|tu\b|como\b|cómo\b|lo\b)\w+"),
    ("diet", r"soy (?:vegetarian[oa]|vegan[oa])\b"),
    ("favourite {}", r"mi (\w+) favorit[oa] es\b"),
]  # fmt: skip

IDENTITY = [
    ("name", r"(?:mein name ist|ich heiße|ich heisse) \w+"),
    ("lives in", r"ich (?:wohne|lebe) (?:jetzt |derzeit )?(?:in|bei) (?!angst|frieden|der "
     r"hoffnung)\w+"),
    ("works at", r"ich arbeite (?:bei|für|als) \w+"),
    ("from", r"ich komme aus \w+"),
    ("age", r"ich bin \d{1,3} (?:jahre|jahr)\b"),
    (None, r"ich bin (?:verheiratet|geschieden|verwitwet|schwanger|allergisch gegen|"
     r"\w+(?:lehrer|lehrerin|arzt|ärztin|ingenieur|ingenieurin|student|studentin)\b|"
     r"(?:lehrer|arzt|ärztin|ingenieur|student|krankenpfleger|krankenschwester)(?:in)?\b)"),
    ("{} name", r"mein(?:e)? (frau|mann|sohn|tochter|bruder|schwester|hund|katze) heißt \w+"),
    ("name", r"je m'appelle \w+"),
    ("lives in", r"(?:j'habite|je vis) (?:à|en|au|aux|dans) \w+"),
    ("works at", r"je travaille (?:chez|pour|comme|à) \w+"),
    ("from", r"je viens de (?!dire|voir|faire|finir|lire|me|le|la|\w+er\b)\w+"),
    ("age", r"j'ai \d{1,3} ans\b"),
    (None, r"je suis (?:marié|mariée|divorcé|divorcée|allergique|infirmier|infirmière|médecin|"
     r"étudiant|étudiante|ingénieure?|professeure?|développeur|développeuse)\b"),
    ("name", r"(?:me llamo|mi nombre es) \w+"),
    ("lives in", r"vivo en (?!paz|el pasado)\w+"),
    ("works at", r"trabajo (?:en|para|como) (?!eso|esto|ello|equipo)\w+"),
    ("from", r"soy de (?!los|las|acuerdo)\w+"),
    ("age", r"tengo \d{1,3} años\b"),
    (None, r"soy (?:alérgic[oa]|enfermer[oa]|médic[oa]|ingenier[oa]|estudiante|profesora?|"
     r"maestr[oa]|abogad[oa]|desarrolladora?)\b"),
    ("{} name", r"mi (esposa|marido|mujer|hijo|hija|hermano|hermana|perro|gato) se llama \w+"),
]  # fmt: skip

LEADS = (
    r"und|aber|denn|dass|weil|also|hallo|ja|nein|et|mais|car|que|bonjour|oui|non|"
    r"y|pero|porque|hola|sí"
)
