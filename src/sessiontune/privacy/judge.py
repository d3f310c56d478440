"""Is a value secret, given the name it stands under? Knows nothing of how it was found.

A name that says password: any value that is not a placeholder. A name that says key, token or
secret: a value that a machine made.
"""

from __future__ import annotations

from functools import lru_cache

import re2

from .checks import entropy, is_placeholder, judged_random, typed_out, wordy
from .examples import is_published_example
from .rules import pattern, quick

PASS_WORDS = (
    r"pass(?:word|wd|phrase|code)|passwort|kennwort|contrase(?:na|\xc3[\xb1\x91]a|\\+u00f1a)|mot_?de_?passe|senha|"
    r"\bhas(?:lo|\xc5\x82o)\b|\bheslo\b|wachtwoord|l\xc3\xb6senord|adgangskode|passord|salasana|\xc5[\x9e\x9f]ifre|"
    r"\xe5\xaf\x86\xe7\xa0\x81|\xe5\x8f\xa3\xe4\xbb\xa4|"
    r"\xe3\x83\x91\xe3\x82\xb9\xe3\x83\xaf\xe3\x83\xbc\xe3\x83\x89|"
    r"\xd0[\x9f\xbf]\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c|"
    r"\xeb\xb9\x84\xeb\xb0\x80\xeb\xb2\x88\xed\x98\xb8|"
    r"pwd|(?:_|\b|db|my|root|user|admin|store|mail|smtp|login|ssh|ftp|redis|mysql|proxy|auth)pass\b|_pw\b|\bpw\b"
)
KEY_WORDS = (
    r"secret|token|api[_.-]?key|access[_.-]?key|auth[_.-]?key|priv(?:ate)?[_.-]?key|"
    r"(?:encryption|signing|master|account|storage|shared|service|license|subscription|app|"
    r"application|client|consumer|deploy|webhook|hmac|aes|salt|crypt|ingest|instrumentation)"
    r"[_.-]?key|credential|creds|auth(?!or)|bearer|jwt|session[_.-]?(?:key|cookie)|cookie|"
    r"client[_.-]?id|access[_.-]?id|_pat\b|key"
).replace("auth(?!or)", "auth")

#: Vendors whose keys have no prefix of their own: their name in an assignment is the sign.
VENDORS = (
    r"adafruit|adobe|airtable|algolia|alibaba|aliyun|amplitude|asana|atlassian|jira|confluence|"
    r"auth0|azure|bitbucket|bittrex|binance|bitly|buildkite|cisco|meraki|clearbit|cloudflare|"
    r"codecov|codacy|codeship|cohere|coinbase|coinapi|confluent|contentful|coveralls|datadog|"
    r"deepgram|deezer|dnsimple|discord|disqus|drone|droneci|dropbox|dynadot|elastic|etherscan|"
    r"etsy|eventbrite|facebook|fastly|finicity|finnhub|flickr|foursquare|freshbooks|freshdesk|"
    r"geocodio|giphy|gitter|godaddy|gocardless|hcaptcha|helpscout|hellosign|heroku|honeybadger|"
    r"hubspot|hunter_?io|imgur|infura|alchemy|instagram|intercom|ipinfo|ipstack|jfrog|artifactory|"
    r"xray|jumpcloud|keen|klaviyo|kraken|kucoin|launchdarkly|line_?(?:channel|notify)|linear|"
    r"linkedin|linode|logzio|looker|mailgun|mailjet|mandrill|mapbox|mattermost|maxmind|messagebird|"
    r"message_bird|mixpanel|moralis|namecheap|netlify|new[_-]?relic|newsapi|nexmo|vonage|npm|nytimes|"
    r"newyorktimes|okta|onelogin|opsgenie|openweather|optimizely|pagerduty|papertrail|paypal|"
    r"phabricator|pingdom|pipedrive|pivotal|plaid|plivo|privateai|private_ai|pusher|quickbooks|"
    r"quandl|rapidapi|raygun|recaptcha|rollbar|salesforce|sauce|segment|sendbird|sendinblue|sentry|"
    r"shodan|shopify|skybiometry|sourcegraph|snyk|sonar|soundcloud|spotify|squarespace|sumo(?:logic)?|strava|"
    r"stripe|telegram|thingspeak|todoist|travis|trello|twilio|twitch|twitter|typeform|unsplash|"
    r"uptimerobot|virustotal|wakatime|weatherapi|webex|wistia|wordpress|yandex|yelp|youtube|"
    r"zendesk|zoho|zoom|zapier"
)

#: What may not be a secret though the name says so: the name's last part tells.
_DULL = re2.compile(
    rb"(?i)\.(?:pem|key|crt|cer|json|ya?ml|txt|py|js|ts|md|html?)$|thumbprint|pub(?:lic)?[_-]?(?:key)?(?:[xy]|[_-]?token)?$|(?:tokens|tokeni[sz]|token[_.-]?(?:type|count|limit|usage|budget|len|size|name|url|uri|"
    rb"endpoint|path|file|class|index|idx|ttl|exp|address|kind|pos|list|set|map|cls|start|end|"
    rb"expir|issuer|symbol|program|account|mint|s\b)|(?:authenticity|max|num|total|input|output|prompt|page|next|"
    rb"continuation|completion|cached|pad|eos|bos|sep|cls|mask|unk|csrf|xsrf|cancellation|cancel)"
    rb"[_.-]?token|secret[_.-]?(?:name|arn|path|id\b|ref|store|manager|key[_.-]?ref|version)|"
    rb"key[_.-]?(?:id|name|path|file|type|code|word|board|frame|map|pair[_.-]?name|size|len|ring|"
    rb"usage|alias|arn|vault|space|down|up|press|event|fingerprint|algorithm|spec|schema|prefix|s\b)|"
    rb"(?:public|primary|foreign|cache|sort|partition|row|object|unique|dict|json|map|hash|"
    rb"composite|translation|i18n|shortcut|hot|arrow|registry|index|sort|group|lookup|config|"
    rb"dedup|dedupe|idempotency|routing|issue|project|site|query|react|data|event|parent|child|"
    rb"ssh_host|host|known|verify|verification|trusted|gpg|pgp|signing_pub|entry|field|column|"
    rb"tmux|vim|lock|state|prop|attr|item|menu|option)[_.-]?key\b|keys\b|"
    rb"pass(?:word|wd|phrase|code)?[_.-]?(?:field|input|label|hint|policy|reset|hash|strength|"
    rb"length|min|max|required|confirm|changed|expir|url|file|path|manager|mgr|prompt|salt|regex|"
    rb"pattern|rules|link|form|page|store|env|var|validator|encoder|hasher|type|error|message|within|column|"
    rb"login[_-]disabled|exceed|grant|flow|widget)|"
    rb"author|authori[sz]ed|authority|auth[_.-]?(?:type|method|mode|url|uri|provider|scheme|"
    rb"endpoint|file|path|flow|status|state|source|mechanism|domain|name|level|required|user|id\b)|"
    rb"cookie[_.-]?(?:name|path|domain|policy|jar|file)|signature[_.-]?(?:version|method|alg)|"
    rb"credentials?[_.-]?(?:type|id|file|path|source|provider|name|helper|mode)|monkey|turkey|donkey|newkey|header(?:[_-]?name)?$|[_-]class$|"
    rb"hockey|jockey|keyword|secretary|bypass|compass|passthrough|passive|passage|encompass)"
)
_STRONG = re2.compile(
    rb"(?i)secret|api[_.-]?key|apikey|access[_.-]?(?:key|token)|auth[_.-]?(?:token|key)|"
    rb"private[_.-]?key|client[_.-]?key|bearer|token|credential|session[_.-]?key|license[_.-]?key|"
    rb"(?:encryption|signing|master|account|storage|shared|service|subscription|webhook)[_.-]?key"
)
_IS_PASS = pattern(r"(?i)(?:" + PASS_WORDS + ")")
_HEX40 = re2.compile(rb"[0-9a-f]{40}")
_LINE = re2.compile(rb"\.[a-z]{1,5}:\d+")
_UUID = re2.compile(rb"(?i)\{?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\}?")
_CODE = re2.compile(
    rb"@{0,2}(?:[A-Za-z_$][\w$]*(?:\.|::|->|\?\.))+[A-Za-z_$][\w$]*%?|[A-Za-z_$][\w$.:]*[\[(].*|"
    rb"@?[A-Za-z_]+|\$\w+|%\w+%|&\w+|\*\w+|!\w+|::?[A-Za-z_]\w*|\d+(?:\.[a-z_]+)+|"
    rb"[a-z]+\d{0,2}(?:_[a-z]+\d{0,2})+|(?:Big)?(?:[UI]i?nt|Float)\d{1,2}Array"
)
_PATHLIKE = re2.compile(
    rb"(?:https?|file|s3|gs|ftp|wss?|git|ssh|data|vault|op|env|secret|ref|urn|npm|docker)://?.*|arn:aws[\w-]*:.*|"
    rb"(?:~|\.{1,2}|[A-Za-z]:)?[/\\].*|[\w.-]+/|[\w.-]+(?:/[\w.-]+){2,}|[\w.-]+(?:/[\w.-]+)+#\w+|[Xx]-[A-Za-z]{2,}(?:-[A-Za-z0-9]{2,})+|"
    rb"[\w-]+\.(?:json|ya?ml|txt|pem|key|env|py|js|ts|tsx|jsx|go|rs|java|kt|rb|sh|md|html|css|toml|"
    rb"ini|cfg|conf|crt|cer|pub|png|jpg|svg|log|db|sqlite|lock|xml|csv|h|c|cc|cpp)"
)
_VERSION = re2.compile(
    rb"(?i)v?\d+(?:\.\d+)+(?:[-+.][\w.]*)?|(?:[a-z]+-)*\d{4}-\d\d-\d\d.*|\d{1,2}:\d\d.*|\d{1,13}(?:\.\d+)?[a-z%]{0,3}|"
    rb"0x[0-9a-f]{1,16}"
)
_HASHES = re2.compile(rb"(?i)(?:sha(?:1|224|256|384|512)|md5|blake2b?|integrity|h1)[:-].*")


@lru_cache(maxsize=4096)
def says_password(name: bytes) -> bool:
    return _IS_PASS.search(name) is not None


@lru_cache(maxsize=4096)
def _dull(name: bytes) -> bool:
    """The name says that its value is no secret: made up, or an id, a path, a count."""
    return _FIXTURE.search(name) is not None or _DULL.search(name) is not None


def judge(name: bytes, value: bytes, quoted: bool, operator: bytes) -> str | None:
    """The kind of secret that `value` is under `name`, or None. All are raw bytes of the text."""
    if _dull(name):
        return None
    password = says_password(name)
    if len(value) < (4 if password else 10):
        return None
    if is_placeholder(value) or _HASHES.fullmatch(value):
        return None
    if is_published_example(value):
        return None
    if password:
        return "password" if _is_password(name, value, quoted, operator) else None
    return "secret" if _is_key(name, value, quoted, operator) else None


def is_dull_value(value: bytes) -> bool:
    """A path, a version, a date, a number with its unit, a place in a file: whatever the name."""
    return (
        _PATHLIKE.fullmatch(value) is not None
        or _VERSION.fullmatch(value) is not None
        or _HASHES.fullmatch(value) is not None
        or _LINE.search(value) is not None
    )


#: A table's next cell, comparisons.
_WEAK_OPERATORS = (b"|", b"==", b"===", b"!=", b"!==")
#: Names that are often something else (a verdict, a folder): they ask for more of the value.
_VAGUE = re2.compile(rb"(?i)(?:^|[^a-z])(?:pass|pwd|pw)(?:$|-)")
#: The same after the name of what asks for a password: nothing else.
_ASKED = re2.compile(
    rb"(?i)(?:store|trust|key|db|database|mysql|mariadb|postgres|pg|mongo|redis|rabbitmq|ldap|bind|smtp|imap|"
    rb"mail|e?mail|ftp|sftp|ssh|sudo|become|root|admin|user|login|auth|sasl|proxy|vpn|wifi|http|git|nexus|repo)"
    rb"[_.-]?(?:pass|pwd|pw)$"
)


def _is_password(name: bytes, value: bytes, quoted: bool, operator: bytes) -> bool:
    if operator.strip() in _WEAK_OPERATORS and not any(48 <= c <= 57 for c in value):
        return False  # the next cell of a table, one of the words that a program knows
    if (
        _VAGUE.search(name)
        and not _ASKED.search(name)
        and not (
            len(value) >= 6
            and not value.isdigit()
            and (quoted or operator == b"=" or (b"_" in name and judged_random(value, 8)))
            and any(48 <= c <= 57 or c in b"!@#$%^&*" for c in value)
            and wordy(value) < 0.7
        )
    ):
        return False
    return like_password(value, quoted, _shell_like(name, operator))


@lru_cache(maxsize=8192)
def like_password(value: bytes, quoted: bool, shell: bool) -> bool:
    """True where `value` may be a password under a name that says so (`shell`: as in a shell)."""
    if len(value) < 4 or _PATHLIKE.fullmatch(value):
        return False
    low = value.lower()
    if _LABEL.fullmatch(value) or _CONSTRAINTS.fullmatch(value) or in_other_letters(value):
        return False
    if quoted:
        if _MIME.match(value) or value[:1] == b"%" or b"%s" in value or b"%d" in value:
            return False
        words = low.replace(b"_", b"").replace(b"-", b"")
        if value == value.upper() and b"_" in value and words.isalpha():
            return False  # the name of a constant
        return words.rstrip(b"?") not in _IDENTIFIERS and not (
            value == low and _field_name(low.lstrip(b"#.:@"))
        )
    shell = shell and b"(" not in value
    if _CODE.fullmatch(value) and not shell:
        return is_gibberish(value)
    first, comma, _ = value.partition(b",")
    if comma and not shell and _CODE.fullmatch(first):
        return False  # `password:this.password,user:...`, `[type="password"]:focus,.form`
    if any(c in b"()[]{}|" for c in value) and not shell:
        return False
    if any(c in b"=&*%" for c in value) and not (shell or _mixed_signs(value)):
        return False
    if _VERSION.fullmatch(value):
        return False
    return shell or any(not 65 <= (c & 0xDF) <= 90 and c != 95 for c in value)


_OTHER = pattern(r"[\x80-\xff]+|\\+u[0-9A-Fa-f]{4}")


def in_other_letters(value: bytes) -> bool:
    """Words of a language with other letters than ASCII's: no digits and signs among letters."""
    if value.isascii() and b"\\u" not in value:
        return False
    plain = bytes(c for c in _OTHER.sub(b"", value) if c not in b".,:;!?-")
    return len(plain) < 4 or plain.isalpha()


@lru_cache(maxsize=4096)
def is_gibberish(value: bytes) -> bool:
    """Letters only, as a generator of passwords strings them: no word, and no name in code."""
    return value.isalpha() and 12 <= len(value) <= 40 and wordy(value) < 0.2 and entropy(value) > 3


#: One capitalised word, in any alphabet: a label or a translation.
_LABEL = pattern(
    r"[A-Z][a-z]+-(?:de-)?pass(?:e|wort|word)|(?:[A-Z]|[\xc3-\xdf][\x80-\xbf])(?:[a-z]|[\xc3-\xdf][\x80-\xbf])+[:?!.]{0,3}|[\xc3-\xef][\x80-\xff]*"
)
#: What a form asks of a password: `required|string|min:8`.
_CONSTRAINTS = re2.compile(
    rb"(?:(?:required|nullable|sometimes|present|filled|string|confirmed|bail|min|max|between|size|regex|"
    rb"same|different|alpha|alpha_num|alpha_dash|hash|current_password)(?:[_:][\w,/-]*)?(?:\||$))+"
)
_MIME = re2.compile(
    rb"(?:application|text|image|audio|video|multipart|font)/|Password[A-Z][a-z]|[A-Z][a-zA-Z]*(?:Mgr|Manager|Handler|"
    rb"Realm|Auth|Error|Exception|Field|Input|Form|Type|Url|URL)"
)
_IDENTIFIERS = frozenset(b"string str text number boolean bool username email passwords".split())


def _field_name(low: bytes) -> bool:
    """`password_confirm`, `current-password`: the name of a field, not a password."""
    parts = re2.split(rb"[-_./]", low)
    return (
        len(parts) > 1
        and b"".join(parts).isalpha()
        and any(p in (b"password", b"pass", b"passwd", b"pwd", b"passphrase") for p in parts)
    )


def _shell_like(name: bytes, operator: bytes) -> bool:
    """`DB_PASSWORD=value`: an upper-case name glued to its value, as in a shell or .env file."""
    return operator == b"=" and name.upper() == name and len(name) > 3


def _is_key(name: bytes, value: bytes, quoted: bool, operator: bytes) -> bool:
    vendor = _vendor(name)
    strong = vendor is not None or _STRONG.search(name) is not None
    if not strong and not _IS_KEY.search(name):
        return False
    if vendor == b"telegram" and _BOT.match(value) and not _BOT.fullmatch(value):
        return False
    if vendor == b"meraki" and not _HEX40.fullmatch(value):
        return False
    return like_key(value, quoted or _shell_like(name, operator), strong)


@lru_cache(maxsize=8192)
def like_key(value: bytes, quoted: bool, strong: bool = True) -> bool:
    """True where `value` would be a key under a name that says so (`strong`: says it clearly)."""
    if len(value) < 10 or value.startswith(_STRICT):
        return False
    if value.isalpha() or not _DIGIT.search(value, 0, len(value)):
        return value.isalpha() and judged_random(value, 20)
    if any(c in b"()[]{}|*,?;\\ " for c in value):
        return quoted and strong and _typed_by_machine(value)
    if _UUID.fullmatch(value):
        return strong and not typed_out(value.replace(b"-", b""))
    if _VERSION.fullmatch(value) or _LINE.search(value):
        return False
    if _PATHLIKE.fullmatch(value) and not (len(value) == 40 and _random_path(value)):
        return False
    if not quoted and ((_CODE.fullmatch(value) and not value.isalnum()) or _camel_case(value)):
        return False
    if value.endswith((b"@openssh.com", b"@libssh.org")):
        return False  # the name of an algorithm
    if b"%" in value:
        value = _ESCAPED.sub(b"", value)
    return judged_random(value, 10 if strong else 16)


_DIGIT = quick(r"\d")
_ESCAPED = re2.compile(rb"%(?:25)*[0-9A-Fa-f]{2}")
_HUMPS = re2.compile(rb"[A-Z]*[a-z]+(?:[A-Z0-9]{1,3}[a-z]*)*[A-Z][a-z]{3,}(?:[A-Z][a-z]+)*")


def _camel_case(value: bytes) -> bool:
    """The name of a class (`GitLabOAuth2Adapter`): few digits, and capitals that begin words."""
    capitals = sum(65 <= c <= 90 for c in value)
    return (
        sum(48 <= c <= 57 for c in value) <= 2
        and capitals <= 0.35 * len(value)
        and _HUMPS.fullmatch(value) is not None
    )


def _random_path(value: bytes) -> bool:
    """Base64 of 30 bytes (an AWS secret) with slashes by chance: its parts are no names."""
    return value[:1] not in b"/.~" and entropy(value) >= 4.5 and wordy(value) < 0.3


def _mixed_signs(value: bytes) -> bool:
    """`Winter*4602`, no expression: letters, digits, and signs between them."""
    return (
        any(48 <= c <= 57 for c in value) and value[:1].isalnum() and not _EXPRESSION.search(value)
    )


_EXPRESSION = re2.compile(rb"[=%&*]{2}|^[A-Za-z_]\w*[=%&*]\w*[a-z_]$|^\w+=\w")


def _typed_by_machine(value: bytes) -> bool:
    """A long key with marks of all sorts among its letters, as Django's are: no code, no path."""
    letters = sum(48 <= c <= 57 or 65 <= (c & 0xDF) <= 90 for c in value)
    return (
        len(value) >= 32
        and not any(c in b",;\\ {}" for c in value)
        and letters > 0.55 * len(value)
        and entropy(value) >= 4.2
        and wordy(value) < 0.35
    )


#: A name that says its value is made up, as tests do.
_FIXTURE = re2.compile(
    rb"(?i)(?:^|[^a-z])(?:fake|dummy|mock|bogus|sample|example|non_?matching|low_?entropy|wrong_?(?:start|length)|"
    rb"invalid|not_?a)|Fake|Dummy|Mock|Example|Sample"
)
_VENDOR = re2.compile(f"(?i)({VENDORS})".encode())
_IS_KEY = re2.compile((r"(?i)(?:" + KEY_WORDS + ")").encode("latin-1"))
_BOT = re2.compile(rb"\d{5,16}:A[A-Za-z0-9_-]{34}|\d{1,20}:")
#: Prefixes whose whole format is known: what starts so and is not of the format is no key.
_STRICT = (
    b"xoxb-",
    b"xoxp-",
    b"xoxa-",
    b"xoxs-",
    b"xoxe-",
    b"xapp-",
    b"AKIA",
    b"ghp_",
    b"glpat-",
    b"npm_",
    b"dapi",
)
_AFTER = re2.compile(
    rb"(?i)(?:[^a-z]|api|key|token|secret|auth|access|client|pass|org|app|id|pub|priv|url|webhook|user|"
    rb"account|service|bot|sdk|logic|$)"
)


@lru_cache(maxsize=4096)
def _vendor(name: bytes) -> bytes | None:
    """The vendor that stands in a name as a word of its own (`myEtsyKey`, not `SetSysctl`)."""
    for match in _VENDOR.finditer(name):
        start, end = match.span(1)
        before = name[start - 1 : start]
        if before.isalpha() and not (before.islower() and name[start : start + 1].isupper()):
            continue
        if name[end : end + 1].isupper() or _AFTER.match(name, end):
            return bytes(match.group(1)).lower()
    return None
