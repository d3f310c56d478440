"""What a name says about its value: a password, a key, whose key, or nothing secret."""

from __future__ import annotations

from functools import lru_cache

import re2

from .rules import pattern

#: Words for password in 25 languages. In two parts, because Hyperscan refuses longer patterns.
PASS_PARTS = (
    (
        r"pass(?:word|wd|phrase|code)|passwort|kennwort|"
        r"contrase(?:na|\xc3[\xb1\x91]a|\\+u00f1a)|mot_?de_?passe|senha|"
        r"\bhas(?:lo|\xc5\x82o)\b|\bheslo\b|wachtwoord|l\xc3\xb6senord|adgangskode|passord|salasana|\xc5[\x9e\x9f]ifre|"
        r"\xe5\xaf\x86\xe7\xa0\x81|\xe5\x8f\xa3\xe4\xbb\xa4|"
        r"\xe3\x83\x91\xe3\x82\xb9\xe3\x83\xaf\xe3\x83\xbc\xe3\x83\x89|"
        r"\xd0[\x9f\xbf]\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c|"
        r"\xeb\xb9\x84\xeb\xb0\x80\xeb\xb2\x88\xed\x98\xb8|"
        r"pwd|pswd|(?:_|\b|db|my|root|user|admin|store|mail|smtp|login|ssh|ftp|redis|mysql|proxy|auth|wifi|wlan|vpn|mqtt|sudo)pass\b|"
        r"(?:_|\b|admin|root|user|wifi|db)pw\b"
    ),
    (
        r"\xec\x95\x94\xed\x98\xb8|\xeb\xb9\x84\xeb\xb2\x88|\xed\x8c\xa8\xec\x8a\xa4\xec\x9b\x8c\xeb\x93\x9c|\bp/w\b|"
        r"jelsz\xc3\xb3|\bparol(?:a\b|\xc4\x83)|"
        r"m\xe1\xba\xadt kh\xe1\xba\xa9u|"
        r"kata sandi|\xe5\xaf\x86\xe7\xa2\xbc|"
        r"\xce\xba\xcf\x89\xce\xb4\xce\xb9\xce\xba\xcf\x8c\xcf\x82|"
        r"\xd7\xa1\xd7\x99\xd7\xa1\xd7\x9e\xd7\x94|"
        r"\xd9\x83\xd9\x84\xd9\x85\xd8\xa9 (?:\xd8\xa7\xd9\x84)?"
        r"(?:\xd9\x85\xd8\xb1\xd9\x88\xd8\xb1|\xd8\xb3\xd8\xb1)|"
        r"\xe0\xa4\xaa\xe0\xa4\xbe\xe0\xa4\xb8\xe0\xa4\xb5\xe0\xa4\xb0\xe0\xa5\x8d\xe0\xa4\xa1|"
        r"\xe0\xb8\xa3\xe0\xb8\xab\xe0\xb8\xb1\xe0\xb8\xaa\xe0\xb8\x9c\xe0\xb9\x88\xe0\xb8\xb2\xe0\xb8\x99|"
        r"(?:bind|root)_?pw\b|requirepass|masterauth"
    ),
)
PASS_WORDS = "|".join(PASS_PARTS)
KEY_WORDS = (
    r"secret|token|api[_.-]?key|access[_.-]?key|auth[_.-]?key|priv(?:ate)?[_.-]?key|"
    r"(?:encryption|signing|master|account|storage|shared|service|license|subscription|app|"
    r"application|client|consumer|deploy|webhook|hmac|aes|salt|crypt|ingest|instrumentation)"
    r"[_.-]?key|credential|creds|auth(?!or)|bearer|jwt|session[_.-]?(?:key|cookie)|cookie|"
    r"client[_.-]?id|access[_.-]?id|[_-]pat\b|\bcred\b|[_.]salt|key"
).replace("auth(?!or)", "auth")

#: Vendors whose keys have no prefix: a key is known by the vendor's name in front of it.
VENDORS = (
    r"adafruit|adobe|ai21|airtable|algolia|alibaba|aliyun|amplitude|anypoint|asana|atlassian|jira|confluence|"
    r"auth0|azure|bitbucket|bittrex|binance|bitly|buildkite|cisco|meraki|clearbit|cloudflare|"
    r"codecov|codacy|codeship|cohere|coinbase|coinapi|confluent|contentful|coveralls|cypress|datadog|"
    r"deepgram|deezer|dnsimple|discord|disqus|drone|droneci|dropbox|dynadot|elastic|etherscan|"
    r"etsy|eventbrite|facebook|fastly|finicity|finnhub|flickr|foursquare|freshbooks|freshdesk|"
    r"geocodio|giphy|gitter|godaddy|gocardless|hcaptcha|helpscout|hellosign|heroku|honeybadger|"
    r"hubspot|hunter_?io|imgur|infura|alchemy|instagram|intercom|ipinfo|ipstack|jfrog|artifactory|"
    r"xray|jumpcloud|keen|klaviyo|kraken|kucoin|launchdarkly|line_?(?:channel|notify)|linear|"
    r"linkedin|linode|logzio|looker|mailgun|mailjet|mandrill|mapbox|mattermost|maxmind|messagebird|"
    r"message_bird|mixpanel|moralis|namecheap|netlify|new[_-]?relic|newsapi|nexmo|vonage|npm|nytimes|"
    r"newyorktimes|okta|onelogin|opsgenie|openweather|optimizely|pagerduty|papertrail|paypal|"
    r"phabricator|pingdom|pipedrive|pivotal|plaid|plivo|postmark|privateai|private_ai|pusher|quickbooks|"
    r"quandl|rapidapi|raygun|recaptcha|rollbar|salesforce|sauce(?:labs)?|segment|sendbird|sendinblue|sentry|"
    r"shodan|shopify|skybiometry|sourcegraph|snyk|sonar|soundcloud|spotify|squarespace|sumo(?:logic)?|strava|"
    r"stripe|telegram|thingspeak|todoist|travis|trello|twilio|twitch|twitter|typeform|unsplash|"
    r"uptimerobot|virustotal|wakatime|weatherapi|webex|wistia|wordpress|yandex|yelp|youtube|"
    r"zendesk|zoho|zoom|zapier"
)

#: The same for services that fewer people use. Their names are rare in texts, so the prefilter
#: looks for the name alone (`services`).
FEWER_USE = (
    r"\bowm\b|abstractapi|abuseipdb|accuweather|adzuna|aeroworkflow|agora[._-]app|airbrake|"
    r"airvisual|alegra|alienvault|alpha_vantage|alphavantage|amadeus|ambee|apacta|api2cart|"
    r"apiflash|apifonica|apilayer|apimatic|apitemplate|appcues|appfollow|appointedd|appsynergy|"
    r"apptivo|arcjet|assemblyai|atera|autoklose|avaza|aviationstack|axonaut|aylien|ayrshare|"
    r"backblaze|bannerbear|baremetrics|beebole|besnappy|billomat|bitbar|bitcoinaverage|bitfinex|"
    r"bitquery|bitrise|blablabus|blazemeter|blitapp|blocknative|bombbomb|boostnote|borgbase|"
    r"brandfetch|browserstack|browshot|bscscan|budibase|bugherd|bugsnag|bulksms|buttercms|caflou|"
    r"calendarific|calendly|calorieninjas?|campayn|cannyio|capsulecrm|captaindata|"
    r"carboninterface|caspio|cc_test_reporter|censys|centralstation|cexio|chartmogul|chatfuel|"
    r"checkly|checkvist|circleci|civo|clarifai|clearout|clickhelp|clicksend|clickup|clinchpad|"
    r"clockify|cloudimage|cloudinary|cloudmersive|cloudsight|cloudsmith|clustdoc|cockroachlabs|"
    r"codemagic|codequiry|coinlayer|coinlib|coinmarketcap|commercejs|commercetools|companyhub|"
    r"configcat|conversiontools|convertapi|convertkit|couchbase|countrylayer|craftmypdf|crowdin|"
    r"cryptocompare|currencycloud|currencyfreaks|currencylayer|currentsapi|customerguru|"
    r"customerio|dareboost|data\.gov|databento|databox|datadome|datagov|deepai|detectify|"
    r"detectlanguage|diffbot|diggernaut|digitalocean|docparser|documo|docusign|dotdigital|dwolla|"
    r"dynalist|dyspatch|easyinsight|easypost|edamam|edenai|eightxeight|elasticemail|elevenlabs|"
    r"enablex|endorlabs|ethplorer|everhour|exchangerateapi|exchangeratesapi|exoscale|exportsdk|"
    r"extractorapi|faceplusplus|facepp|fastforex|faunadb|feedier|fibery|filestack|fixerio|"
    r"flagsmith|fleetbase|flightapi|flightlabs|flutterwave|formbucket|formcraft|formio|formsite|"
    r"frontegg|fullstory|fxmarket|geckoboard|gemfury|gengo|geoapify|geocodify|geoipify|getgeoapi|"
    r"getgist|getresponse|ghost_?(?:admin|key|api|content)|glassnode|gocanvas|graphcms|"
    r"graphhopper|greptile|groovehq|gtmetrix|guardianapi|gumroad|gyazo|happyscribe|helpcrunch|"
    r"hetzner|hiveage|holidayapi|honeycomb|html2pdf|hypeauditor|hypertrack|iconfinder|iexcloud|"
    r"imagekit|imagga|infomaniak|insightly|instabot|instamojo|interseller|invoiceocean|"
    r"ip2location|ipapi|ipdata|ipgeolocation|ipinfodb|ipquality|jotform|kagi|kaleyra|karmacrm|"
    r"keenio|keycdn|kickbox|kylas|languagelayer|lark|leadfeeder|lemlist|lessannoyingcrm|lexigram|"
    r"linked_in|linkpreview|liveagent|livekit|livestorm|locationiq|logdna|loggly|loginradius|"
    r"lokalise|loyverse|lunchmoney|madkudu|magicbell|mailboxlayer|mailchimp|mailerlite|"
    r"mailersend|mailmodo|mailosaur|mailsac|mapquest|marketstack|mavenlink|meaningcloud|"
    r"mediastack|meistertask|mesibo|metaapi|metrilo|mindmeister|miro|mixmax|mockaroo|moonclerk|"
    r"moonshot|moosend|mrticktock|myfreshworks|nasdaqdatalink|neutrinoapi|neverbounce|"
    r"new[_-]york[_-]times|newscatcher|nftport|nicereply|nozbe|nugetapi|numverify|nutritionix|"
    r"oanda|omnisend|onedesk|onepagecrm|onesignal|onfleet|oopspam|opencage|openuv|openweathermap|"
    r"optidash|ovh|owlbot|packagecloud|pagertree|pandadoc|pandascore|paralleldots|parsehub|"
    r"parseur|partnerstack|passbase|paydirtapp|paymoapp|paymongo|paystack|pdflayer|pdfshift|"
    r"peopledatalabs|pepipost|photoroom|pinecone|pivotaltracker|pixabay|planviewleankit|planyo|"
    r"podio|pollsapi|poloniex|polygon_?io|polygonscan|polymarket|positionstack|postageapp|"
    r"postbacks|posthog|powrbot|prodpad|prospectcrm|protocolsio|proxycrawl|pubnub|purestake|"
    r"pushbullet|pushover|pyowm|qase|qdrant|qualaroo|qubole|rawg|razorpay|reachmail|"
    r"reallysimplesystems|rebrandly|requestfinance|restpack|retell|revampcrm|ringcentral|ritekit|"
    r"rocketreach|route4me|rownd|runrunit|salesblink|salesflare|satismeter|scaleway|scrapeowl|"
    r"scraperapi|scraperbox|scrapersite|scrapestack|scrapfly|scrapingant|scrapingbee|scrutinizer|"
    r"scrutinizerci|securitytrails|selectpdf|sendcloud|serpapi|serphouse|serpstack|sheety|"
    r"sherpadesk|shipday|shippo|shotstack|shutterstock|sightengine|signaturit|signupgenius|"
    r"sigopt|siliconflow|simfin|simplesat|simplynoted|simvoly|sinch|sirv|siteleaf|skrapp|"
    r"smartsheet|smartystreets|snipcart|softlayer|sonarcloud|sparkpost|speechtextai|splunk|"
    r"spoonacular|sportmonks|sportsmonk|sslmate|statuscake|statuspage|statuspal|stitchdata|"
    r"stockdata|storecove|stormboard|stormglass|storyblok|storychief|stytch|sugester|"
    r"surveyanyplace|surveybot|surveysparrow|survicate|swiftype|tallyfy|tatum|taxjar|teamgate|"
    r"teamworkcrm|telesign|telnyx|text2data|theoddsapi|thinkific|thousandeyes|ticketmaster|"
    r"tickettailor|tiingo|timecamp|timezoneapi|tinypng|toggl|tokeet|tomorrowio|tomtom|tradier|"
    r"transferwise|travelpayouts|travisci|twelvedata|twelvelabs|tyntec|typetalk|ubidots|"
    r"uclassify|unplugg|upcdatabase|uplead|uploadcare|upstage|upstash|urlscan|userflow|userstack|"
    r"vatlayer|vbout|veevavault|verifalia|verimail|veriphone|versioneye|viewneo|visualcrossing|"
    r"voiceflow|voicegain|voodoosms|vouchery|vultr|vyte|walkscore|wandb|weatherbit|weatherstack|"
    r"weaviate|webflow|webscraper|wechat|wepay|whoxy|workos|workstack|worldcoinindex|"
    r"worldweather|wrike|yousign|zenkit|zenrows|zenscrape|zenserp|zeplin|zerobounce|zerotier|"
    r"zhipu|zilliz|zipapi|zipcodeapi|zonkafeedback|zoominfo|zulip(?:chat)?"
)

#: Services whose names are not looked for: they tell more of a name or a block that was found.
ALSO = (
    r"exa|bfl|nylas|serper|zep|minimax|siliconflow|scrapingbee|adyen|airwallex|anyscale|appsignal|attio|baseten|better_?stack|better_?uptime|binaryedge|"
    r"brevo|browserbase|browserless|buildbuddy|bunny_?(?:net|cdn)|cartesia|cerebras|chargebee|"
    r"cloudconvert|codesandbox|composio|contentstack|coralogix|criminalip|datocms|daytona|"
    r"deep_?infra|deepl|deepseek|dify|directus|doppler|dynatrace|e2b|equinix|fal_?ai|firecrawl|"
    r"firehydrant|fireworks_?ai|fly_?io|freemius|freshsales|friendli|gladia|greynoise|groq|"
    r"hackclub|harness_?io|healthchecks|heygen|hibp|huggingface|hyperbrowser|ideogram|"
    r"incident_?io|infisical|infobip|inngest|instana|intelx|jina|koyeb|langfuse|langsmith|"
    r"leakcheck|lemon_?squeezy|leonardo_?ai|liveblocks|logtail|mailtrap|maptiler|mem0|"
    r"mercadopago|midtrans|mistral|mollie|monnify|nessus|netlas|ngrok|northflank|novita|novu|"
    r"onfido|openrouter|pinata|planetscale|playht|pulumi|recurly|rev_?ai|rootly|runpod|"
    r"sanity_?io|sematext|sendpulse|sentinelone|signalwire|signoz|smtp2go|socketlabs|"
    r"speechmatics|squadcast|stability_?ai|stackhawk|statsig|supabase|svix|synthesia|tavily|"
    r"tavus|thunderforest|tinybird|together_?ai|trigger_?dev|truelayer|turso|unkey|upcloud|vapi|"
    r"voyage_?ai|weights_?and_?biases|whoisxml|xata|xendit|zeptomail|zoomeye"
)

#: Names that hold a word for a secret and name none: `token_count`, `public_key`, `password_field`.
_DULL = re2.compile(
    rb"(?i)pkeyopt$|\.(?:pem|crt|cer|json|ya?ml|txt|py|js|ts|md|html?)$|thumbprint|pub(?:lic)?[_-]?(?:key)?(?:[xy]|[_-]?token)?$|(?:(?-i:[tT]okens|TOKENS)|tokeni[sz]|token[_.-]?(?:type|count|limit|usage|budget|len|size|name|url|uri|"
    rb"endpoint|path|file|class|index|idx|ttl|exp|address|kind|pos|list|set|map|cls|start|end|"
    rb"expir|issuer|symbol|program|account|mint|s\b)|(?:authenticity|max|num|total|input|output|prompt|page|next|"
    rb"continuation|completion|cached|csrf|xsrf|cancellation|cancel|\b(?:pad|eos|bos|sep|cls|mask|unk))"
    rb"[_.-]?token|secrets?[_.-]?manager|secret[_.-]?(?:name|arn|path|id\b|ref|store|key[_.-]?ref|version)|"
    rb"key[_.-]?(?:id|store[_.-]?id$|name|path|file|type|code|word|board|frame|map|pair[_.-]?name|size|len|ring|"
    rb"usage|alias|arn|vault|space|down|up|press|event|fingerprint|algorithm|spec|schema|prefix|s\b)|"
    rb"(?:public|primary|foreign|cache|sort|partition|\brow|_row|object|unique|dict|json|map|hash|"
    rb"composite|rule|sec[_-]websocket|translation|i18n|shortcut|hot|arrow|registry|index|sort|group|lookup|config|"
    rb"dedup|dedupe|idempotency|routing|issue|project|site|query|react|data|event|parent|child|"
    rb"ssh_host|host|known|(?:\b|[^m])verify|verification|trusted|gpg|pgp|signing_pub|\bentry|[^s]entry|field|column|"
    rb"tmux|vim|lock|state|prop|attr|item|menu|option)[_.-]?key\b|keys\b|"
    rb"pass(?:word|wd|phrase|code)?[_.-]?(?:field|input|label|hint|policy|reset|hash|strength|"
    rb"length|min|max|required|confirm|changed|expir|url|file|path|manager|mgr|prompt|salt|regex|encryption|algorithm|"
    rb"pattern|rules|link|form|page|store|env|var|validator|encoder|hasher|type|error|message|within|column|"
    rb"less(?:$|rp|sign|atte|authenticator|req|user|create|avoid|extra|accept)|login[_-]disabled|exceed|grant|flow|widget)|"
    rb"author|authori[sz]ed|authority|auth[_.-]?(?:type|method|mode|url|uri|provider|scheme|"
    rb"endpoint|file|path|flow|status|state|source|mechanism|domain|name|level|required|user|id\b)|"
    rb"cookie[_.-]?(?:name|path|domain|policy|jar|file)|signature[_.-]?(?:version|method|alg)|"
    rb"credentials?[_.-]?(?:type|id|file|path|source|provider|name|helper|mode)|monkey|turkey|donkey|newkey|header(?:[_-]?name)?$|[_-]class$|"
    rb"hockey|jockey|keyword|secretary|bypass|compass|passthrough|passive|passage|encompass)"
)
#: The name of a file, `server.key` (but `config.facebook.key` is a vendor's key: `names_a_file`).
_KEY_FILE = re2.compile(rb"(?i)\.key$")
#: A name that says its value is made up, as tests do.
_FIXTURE = re2.compile(
    rb"(?i)(?:^|[^a-z])(?:fake|dummy|mock|bogus|sample|example|non_?matching|low_?entropy|wrong_?(?:start|length)|"
    rb"invalid|not_?a)|Fake|Dummy|Mock|Example|Sample"
)
#: A name that says key, token or secret clearly.
STRONG = re2.compile(
    rb"(?i)secret|api[_.-]?key|apikey|access[_.-]?(?:key|token)|auth[_.-]?(?:token|key)|"
    rb"private[_.-]?key|client[_.-]?key|bearer|token|credential|session[_.-]?key|license[_.-]?key|"
    rb"(?:encryption|signing|master|account|storage|shared|service|subscription|webhook|integration)[_.-]?key"
)
_IS_PASS = pattern(r"(?i)(?:" + PASS_WORDS + ")")
#: Names that often mean something else (a verdict, a folder), so that more is asked of the value.
VAGUE = re2.compile(rb"(?i)(?:^|[^a-z])(?:pass|pwd|pw)(?:$|-)")
#: Such a name behind what has a password, where it means nothing else: `db_pass`.
ASKED = re2.compile(
    rb"(?i)(?:store|trust|key|db|database|mysql|mariadb|postgres|pg|mongo|redis|rabbitmq|ldap|bind|smtp|imap|"
    rb"mail|e?mail|ftp|sftp|ssh|mqtt|rdp|vnc|telnet|snmp|broker|router|nas|grafana|jenkins|elastic|kafka|deploy|backup|sudo|become|root|admin|user|login|auth|sasl|proxy|vpn|wifi|http|git|nexus|repo)"
    rb"[_.-]?(?:pass|pwd|pw)$"
)
_VENDOR = re2.compile(f"(?i)({VENDORS}|{FEWER_USE}|{ALSO})".encode())
IS_KEY = re2.compile((r"(?i)(?:" + KEY_WORDS + ")").encode("latin-1"))
_AFTER = re2.compile(
    rb"(?i)(?:[^a-z]|api|key|token|secret|auth|access|client|pass|org|app|id|pub|priv|url|webhook|user|"
    rb"account|service|bot|sdk|logic|$)"
)


_REPLACED = re2.compile(rb"REDACTED_[A-Z0-9_]+_[a-z]{14}$")


@lru_cache(maxsize=4096)
def says_password(name: bytes) -> bool:
    """True where the name says that its value is a password."""
    return _IS_PASS.search(name) is not None


@lru_cache(maxsize=4096)
def dull(name: bytes) -> bool:
    """True where the name says that its value is no secret: it is made up, an id, a path, a count.
    A pseudonym of a secret names nothing either."""
    return (
        _REPLACED.search(name) is not None
        or _FIXTURE.search(name) is not None
        or _DULL.search(name) is not None
    )


def names_a_file(name: bytes) -> bool:
    """True for the name of a key file, `server.key`."""
    return _KEY_FILE.search(name) is not None and vendor_of(name) is None


@lru_cache(maxsize=4096)
def vendor_of(name: bytes) -> bytes | None:
    """The vendor, in small letters, whose name is a word of its own in `name` (`myEtsyKey`, but not
    `SetSysctl`), or None."""
    name = name.removeprefix(b"-D")  # a Java property on a command line: `-Dsonar.login=...`
    for match in _VENDOR.finditer(name):
        start, end = match.span(1)
        before = name[start - 1 : start]
        if before.isalpha() and not (before.islower() and name[start : start + 1].isupper()):
            continue
        if name[end : end + 1].isupper() or _AFTER.match(name, end):
            return bytes(match.group(1)).lower()
    return None
