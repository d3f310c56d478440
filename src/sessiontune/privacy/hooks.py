"""Addresses of webhooks: whoever knows one may post there, so its last part is a key."""

from __future__ import annotations

from .checks import no_stand_in, random_of
from .rules import UUID, Rule, secret_rule

_W = "[A-Za-z0-9_-]"
#: The end of a value: no more of its characters follow.
_ENDS = r"(?:[^A-Za-z0-9_-]|$)"


#: The address up to its key, and the key. From each service's own documentation.
_HOOKS: tuple[tuple[str, str], ...] = (
    (r"maker\.ifttt\.com/(?:use/|trigger/[^\s/]{1,60}/(?:json/)?with/key/)", rf"{_W}{{20,60}}"),
    (r"hook\.(?:[a-z]{2}\d\.)?(?:make|integromat)\.com/", r"[a-z0-9]{28,40}"),
    (r"/hooks/", r"[a-z0-9]{26}"),
    (r"/webhook(?:-test)?/", UUID),
    (r"api\.day\.app/", r"[A-Za-z0-9]{20,24}"),
    (r"hc-ping\.com/", UUID),
    (r"/calendar/ical/[^\s/]{1,120}/private-", r"[0-9a-f]{32}"),
    (r"\.infura\.io/(?:ws/)?v3/", r"[0-9a-f]{32}"),
    (r"\.quiknode\.pro/", r"[0-9a-f]{40}"),
    (r"\.g?\.?alchemy(?:api)?\.(?:com|io)/(?:nft/)?v[23]/", rf"{_W}{{32}}"),
    (r"rpc\.ankr\.com/[a-z0-9_/-]{2,40}/", r"[0-9a-f]{64}"),
    (r"(?:getblock|blastapi)\.io/(?:[a-z]{2,10}/)?", UUID),
    (r"webhook\.site/", UUID),
    (r"qyapi\.weixin\.qq\.com/cgi-bin/webhook/send\?key=", UUID),
    (r"sctapi\.ftqq\.com/", r"SCT[A-Za-z0-9]{20,40}"),
    (r"hooks\.nabu\.casa/", rf"{_W}{{60,200}}"),
    (r"api\.vercel\.com/v1/integrations/deploy/prj_[A-Za-z0-9]{20,40}/", r"[A-Za-z0-9]{8,20}"),
    (r"api\.netlify\.com/build_hooks/", r"[0-9a-f]{24}"),
    (r"api\.render\.com/deploy/srv-[a-z0-9]{15,30}\?key=", rf"{_W}{{8,20}}"),
    (r"events\.pagerduty\.com/integration/", r"[0-9a-f]{32}"),
    (r"betterstack\.com/api/v1/heartbeat/", r"[A-Za-z0-9]{20,40}"),
    (r"cronitor\.link/(?:p/)?", r"[0-9a-f]{32}"),
    (
        r"chat\.googleapis\.com/v1/spaces/[A-Za-z0-9_-]{8,20}/messages\?key=",
        rf"{_W}{{30,60}}&token={_W}{{30,80}}",
    ),
    (r"/bot", r"\d{5,16}:A[A-Za-z0-9_-]{34}"),
    (
        r"chat\.googleapis\.com/v1/spaces/[A-Za-z0-9_-]{8,20}/messages\?[^\s\"'<>]{0,120}token=",
        rf"{_W}{{30,80}}",
    ),
    (r"hooks\.slack-gov\.com/services/T[A-Z0-9]{6,12}/B[A-Z0-9]{6,12}/", r"[A-Za-z0-9]{20,30}"),
    (r"discord(?:app)?\.com/api/v\d{1,2}/webhooks/\d{15,20}/", rf"{_W}{{60,80}}"),
    (r"/IncomingWebhook/", r"[0-9a-f]{32}"),
    (rf"/IncomingWebhook/[0-9A-Za-z_]{{32,80}}/{UUID}/", rf"V2{_W}{{20,60}}"),
    (r"hook\.[a-z0-9]{2,6}\.make\.celonis\.com/", r"[a-z0-9]{28,40}"),
    (r"app\.n8n\.cloud/(?:form|chat)/", UUID),
    (
        r"hooks\.airtable\.com/workflows/v1/genericWebhook/app[A-Za-z0-9]{14}/wfl[A-Za-z0-9]{14}/",
        r"wtr[A-Za-z0-9]{14}",
    ),
    (r"/hooks/[A-Za-z0-9]{17,24}/", r"[A-Za-z0-9]{40,64}"),
    (rf"/automation/webhooks/jira/a/{UUID}/", UUID),
    (r"[?&](?:zapikey|zgid)=", r"1\d{3}\.[0-9a-f]{32}\.[0-9a-f]{32}"),
    (r"webhooks\.(?:eu\.)?workato\.com/webhooks/rest/", UUID),
    (r"/sendwebhookdata/", rf"{_W}{{24,160}}"),
    (r"/webhooks?/incoming/", rf"{_W}{{24,160}}"),
    (r"alert\.victorops\.com/integrations/generic/\d{8}/alert/", UUID),
    (r"nosnch\.in/", r"[0-9a-f]{10}"),
    (r"api\.flock\.com/hooks/sendMessage/", UUID),
    (r"webhook\.buildkite\.com/deliver/(?:bktr_)?", r"[A-Za-z0-9]{40,90}"),
    (rf"hub\.docker\.com/api/build/v1/source/{UUID}/trigger/", UUID),
    (r"/pages/webhooks/deploy_hooks/", UUID),
    (r"[?&]workflowApiKey=", rf"{_W}{{16,60}}"),
    (r"/trigger/pipeline\?token=", rf"{_W}{{20,60}}"),
    (r"robot/send\?access_token=", r"[0-9a-f]{64}"),
    (r"script\.google\.com/macros/s/", rf"AKfyc{_W}{{30,120}}"),
    (r"hooks\.zapier\.com/hooks/(?:catch|standard)/", r"\d{4,10}/[A-Za-z0-9]{5,20}"),
    (r"activepieces\.com/api/v1/webhooks/", rf"{_W}{{16,30}}"),
    (r"hook\.relay\.app/api/v1/playbook/[a-z0-9]{20,30}/trigger/", rf"{_W}{{16,30}}"),
    (r"push\.statuscake\.com/\?PK=", r"[0-9a-f]{12,20}"),
    (r"api\.(?:eu\.)?opsgenie\.com/v\d/json/[a-z0-9]{2,40}\?apiKey=", UUID),
    (r"hooks\.spike\.sh/", r"[a-z0-9]{24,40}"),
    (r"hooks\.glip\.com/webhook/(?:v2/)?", rf"{_W}{{20,200}}"),
    (r"outgoing\.(?:zoom|ringcentral)\.[a-z]{2,3}/[a-z/]{0,30}/", rf"{_W}{{20,80}}"),
    (r"integrations\.zoom\.us/chat/webhooks/incomingwebhook/", rf"{_W}{{16,60}}"),
    (r"hooks\.(?:us\d\.)?monday\.com/[a-z/]{0,30}/", rf"{_W}{{16,60}}"),
)
#: The same with short keys, which must look random to be told from a word.
_SHORT_HOOKS: tuple[tuple[str, str], ...] = (
    (r"/api/push/", r"[A-Za-z0-9]{10,32}"),
    (r"/(?:web)?hooks?/", rf"{_W}{{24,160}}"),
    (r"(?://|\.)hooks?\.[a-z0-9.-]{4,60}/(?:[a-z0-9_-]{1,24}/){0,4}", rf"{_W}{{20,160}}"),
    (r"//webhooks?\.[a-z0-9.-]{4,60}/(?:[a-z0-9_-]{1,24}/){0,4}", rf"{_W}{{20,160}}"),
)


def _slashes(head: str) -> str:
    """A pattern for an address whose slashes may be escaped, as JSON may have them."""
    return head.replace("/", r"\\*/")


def _in_host(form: str, host: str) -> Rule:
    """A rule for a key that is the first label of a host's name."""
    return Rule(
        "webhook-key",
        rf"/({form})\.{host}",
        check=no_stand_in,
        window=(64, 8),
        rank=8,
    )


RULES: tuple[Rule, ...] = (
    *(
        secret_rule("webhook-key", _slashes(head), key, no_stand_in, _ENDS, rank=8)
        for head, key in _HOOKS
    ),
    *(
        secret_rule("webhook-key", _slashes(head), key, random_of(10), _ENDS, rank=8)
        for head, key in _SHORT_HOOKS
    ),
    _in_host(UUID, r"trayapp\.io"),
    _in_host(r"eo[a-z0-9]{12,16}", r"m\.pipedream\.net"),
)
