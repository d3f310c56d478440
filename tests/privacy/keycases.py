"""Published key formats and the files that keys stand in, for tests. All values are put together
when the tests run; no key-shaped text stands in this file."""

# ruff: noqa: E501  (a table is easier to read)

from __future__ import annotations

import base64
from collections.abc import Callable
from random import Random

from planted import ALNUM, DIGITS, HEX, LOWER, UPPER

Make = Callable[[Random], str]
W = ALNUM + "_-"
B64 = ALNUM + "+/"


def some(rng: Random, letters: str, size: int) -> str:
    """Random letters, as a machine makes them: some digits among them where they may stand."""
    while True:
        text = "".join(rng.choice(letters) for _ in range(size))
        if (
            not set(letters) & set(DIGITS) or size < 8 or sum(c in DIGITS for c in text) >= 2
        ) and text[-1] not in "_-":
            return text


def uuid(rng: Random) -> str:
    h = some(rng, HEX, 32)
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"


def _of(*parts: str | tuple[str, int]) -> Make:
    """Literal pieces (cut, so that no prefix stands here whole) and (alphabet, size) pieces."""
    return lambda rng: "".join(p if isinstance(p, str) else some(rng, *p) for p in parts)


#: Formats with a sign of their own: found wherever they stand. By the name of who publishes them.
SIGNED: dict[str, Make] = {
    "groq": _of("gs", "k_", (ALNUM, 52)),
    "replicate": _of("r", "8_", (ALNUM, 37)),
    "xai": _of("xa", "i-", (ALNUM, 80)),
    "cerebras": _of("cs", "k-", (ALNUM, 48)),
    "openrouter": _of("sk-", "or-v1-", (HEX, 64)),
    "openai-project": _of("sk-", "proj-", (W, 74), "T3Blbk", "FJ", (W, 74)),
    "openai-service": _of("sk-", "svcacct-", (W, 58), "T3Blbk", "FJ", (W, 58)),
    "anthropic-oauth": _of("sk-", "ant-oat01-", (W, 93), "AA"),
    "deepl": lambda r: uuid(r) + ":f" + "x",
    "elevenlabs": _of("sk", "_", (HEX, 48)),
    "tavily": _of("tv", "ly-dev-", (ALNUM, 32)),
    "firecrawl": _of("f", "c-", (HEX, 32)),
    "langsmith": _of("lsv2", "_pt_", (HEX, 32), "_", (HEX, 10)),
    "langfuse": lambda r: "sk-" + "lf-" + uuid(r),
    "posthog": _of("ph", "x_", (ALNUM, 43)),
    "pinecone": _of("pc", "sk_", (ALNUM, 5), "_", (ALNUM, 62)),
    "voyage": _of("p", "a-", (W, 43)),
    "neon": _of("na", "pi_", (LOWER + DIGITS, 64)),
    "supabase-secret": _of("sb", "_secret_", (W, 22), "_", (W, 8)),
    "supabase-token": _of("sb", "p_", (HEX, 40)),
    "vercel-blob": _of("vercel", "_blob_rw_", (ALNUM, 16), "_", (ALNUM, 30)),
    "figma": _of("fi", "gd_", (W, 40)),
    "discord-bot": _of("M", (ALNUM, 25), ".", (W, 6), ".", (W, 38)),
    "discord-webhook": _of("https://disc", "ord.com/api/webhooks/", (DIGITS, 18), "/", (W, 68)),
    "slack-webhook": _of("https://hooks.", "slack.com/services/T", (UPPER + DIGITS, 10), "/B", (UPPER + DIGITS, 10), "/", (ALNUM, 24)),
    "tailscale": _of("tskey", "-auth-", (ALNUM, 17), "-", (ALNUM, 32)),
    "ngrok": _of("2", (ALNUM, 26), "_", "4", (ALNUM, 20)),
    "resend": _of("r", "e_", (ALNUM, 8), "_", (ALNUM, 24)),
    "brevo": _of("xkey", "sib-", (HEX, 64), "-", (ALNUM, 16)),
    "mailersend": _of("ml", "sn.", (HEX, 64)),
    "onesignal": _of("os_", "v2_app_", (LOWER + DIGITS, 100)),
    "razorpay": _of("rzp", "_live_", (ALNUM, 14)),
    "braintree": _of("access_", "token$production$", (LOWER + DIGITS, 16), "$", (HEX, 32)),
    "akamai": _of("ak", "ab-", (LOWER + DIGITS, 16), "-", (LOWER + DIGITS, 16)),
    "azure-other-region": _of((ALNUM, 52), "JQQ", "J9D", (ALNUM, 26)),
    "heroku-uuid": _of("HR", "KU-", (HEX, 8), "-", (HEX, 4), "-", (HEX, 4), "-", (HEX, 4), "-", (HEX, 12)),
    "new-relic-insights": _of("NR", "II-", (W, 25)),
    "paserk": _of("k4.", "sec", "ret.", (W, 86)),
    "paseto": _of("v4.", "lo", "cal.", (W, 110)),
    "wundergraph": _of("cos", "mo_", (HEX, 32)),
    "paypal": _of("A", "21AA", (W, 93)),
    "polar": _of("polar", "_oat_", (ALNUM, 32)),
    "google-oauth-secret": _of("GOC", "SPX-", (W, 28)),
    "google-access": _of("ya", "29.", (W, 120)),
    "google-refresh": _of("1", "//0g", (W, 60)),
    "gemini": _of("A", "Q.Ab8RN6", (W, 42)),
    "firebase-server": _of("AAA", "A", (W, 7), ":APA", "91b", (W, 134)),
    "aws-temporary": _of("AS", "IA", (UPPER + "234567", 16)),
    "aws-session": _of("IQoJb3", "JpZ2lu", (B64, 300)),
    "azure-devops": _of((ALNUM, 52), "JQQJ", "99", "B", (ALNUM, 3), "ACAA", "AAA", (ALNUM, 14)),
    "azure-client-secret": _of((ALNUM, 3), "8Q", "~", (W, 34)),
    "vault-batch": _of("hv", "b.", (W, 100)),
    "terraform-cloud": _of((ALNUM, 14), ".atl", "asv1.", (W, 67)),
    "github-fine": _of("github", "_pat_", (ALNUM, 22), "_", (ALNUM, 59)),
    "gitlab-runner": _of("gl", "rt-", (W, 20)),
    "buildkite": _of("bk", "ua_", (HEX, 40)),
    "circleci": _of("CCI", "PAT_", (ALNUM, 22), "_", (HEX, 40)),
    "crates": _of("ci", "o", (ALNUM, 32)),
    "nuget": _of("oy", "2", (LOWER + DIGITS, 43)),
    "docker-hub": _of("dckr", "_pat_", (W, 27)),
    "twilio-key": _of("S", "K", (HEX, 32)),
    "wandb": _of("wandb", "_v1_", (W, 77)),
    "modal": _of("a", "s-", (ALNUM, 22)),
    "e2b": _of("e2", "b_", (HEX, 40)),
    "stripe-restricted": _of("rk", "_live_", (ALNUM, 99)),
    "stripe-webhook": _of("wh", "sec_", (ALNUM, 32)),
    "shopify": _of("shp", "at_", (HEX, 32)),
    "grafana-cloud": _of("gl", "c_", (B64, 120)),
    "dynatrace": _of("dt0", "c01.", (UPPER + DIGITS, 24), ".", (UPPER + DIGITS, 64)),
    "newrelic": _of("NR", "AK-", (UPPER + DIGITS, 27)),
    "age": _of("AGE-SECRET", "-KEY-1", ("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)),
    "rainforest-pay": _of("api", "key_", (HEX, 64)),
    "scale": _of("li", "ve_", (HEX, 32)),
    "shortcut": _of("sc", "t_rw_", (LOWER + DIGITS, 10), "_", (ALNUM, 128)),
    "dynatrace-client": _of("dt0", "s02.", (UPPER + DIGITS, 8), ".", (UPPER + DIGITS, 64)),
    "kerberos": _of("$krb5", "asrep$23$", (HEX, 32), "$", (HEX, 600)),
    "builder-io": _of("bp", "k-", (HEX, 32)),
    "checkout-com": lambda r: "s" + "k_" + uuid(r),
    "cockroach": _of("CC", "DB1_", (ALNUM, 22), "_", (ALNUM, 40)),
    "coderabbit": _of("c", "r-", (HEX, 58)),
    "context7": lambda r: "ctx7" + "sk-" + uuid(r),
    "dvc-studio": lambda r: "isa" + "t_" + uuid(r),
    "fleetbase": _of("fl", "b_live_", (ALNUM, 20)),
    "materialize": _of("mz", "p_", (HEX, 64)),
    "packagist": _of("packa", "gist_cut_", (HEX, 80)),
    "retell": _of("ke", "y_", (HEX, 28)),
    "riot-games": lambda r: "RG" + "API-" + uuid(r),
    "sourcegraph-license": _of("sl", "k_", (HEX, 64)),
    "tableau": _of((ALNUM, 22), "=" + "=:", (ALNUM, 32)),
    "alibaba-sts": _of("ST", "S.", (ALNUM, 24)),
    "datastax": _of("Astra", "CS:", (ALNUM, 20)),
    "jwt": lambda r: "ey" + "J" + some(r, ALNUM, 33) + ".ey" + "J" + some(r, ALNUM, 90) + "." + some(r, W, 43),
}  # fmt: skip

#: Formats without a sign: only the name they stand under tells. (name in code, value)
NAMED: dict[str, tuple[str, Make]] = {
    "aws-secret": ("AWS_SECRET_ACCESS_KEY", _of((B64, 40))),
    "openai-azure": ("AZURE_OPENAI_API_KEY", _of((HEX, 32))),
    "mistral": ("MISTRAL_API_KEY", _of((ALNUM, 32))),
    "twilio-auth": ("TWILIO_AUTH_TOKEN", _of((HEX, 32))),
    "wandb-old": ("WANDB_API_KEY", _of((HEX, 40))),
    "comet": ("COMET_API_KEY", _of((ALNUM, 25))),
    "consul": ("CONSUL_HTTP_TOKEN", uuid),
    "heroku": ("HEROKU_API_KEY", uuid),
    "cloudflare": ("CLOUDFLARE_API_TOKEN", _of((W, 40))),
    "datadog": ("DD_API_KEY", _of((HEX, 32))),
    "django": ("SECRET_KEY", _of((ALNUM + "!@#$%^&*(-_=+)", 50))),
    "rails": ("SECRET_KEY_BASE", _of((HEX, 128))),
    "laravel": ("APP_KEY", lambda r: "base64:" + base64.b64encode(r.randbytes(32)).decode()),
    "jwt-secret": ("JWT_SECRET", _of((ALNUM, 32))),
    "session": ("SESSION_SECRET", _of((ALNUM, 24))),
    "encryption": ("ENCRYPTION_KEY", _of((HEX, 64))),
    "webhook": ("WEBHOOK_SECRET", _of((ALNUM, 20))),
    "smtp": ("SMTP_PASSWORD", _of((ALNUM, 16))),
    "db": ("POSTGRES_PASSWORD", _of((ALNUM + "!@#%^*", 14))),
    "redis": ("REDIS_PASSWORD", _of((ALNUM, 12))),
}

#: Ways of writing a name and a value. {n} NAME, {c} camelName, {k} kebab-name, {s} snake_name, {v}.
ASSIGNED: dict[str, str] = {
    "env": "# settings\n{n}={v}\nDEBUG=0\n",
    "env-quoted": "{n}='{v}'\n",
    "shell": "export {n}=\"{v}\" && make deploy",
    "shell-inline": "{n}={v} python manage.py migrate",
    "fish": "set -x {n} {v}",
    "powershell": "$env:{n} = \"{v}\"",
    "cmd": "set {n}={v}",
    "yaml": "service:\n  {s}: {v}\n  port: 80\n",
    "yaml-quoted": "env:\n  {n}: \"{v}\"\n",
    "toml": "[auth]\n{s} = \"{v}\"\n",
    "ini": "[auth]\n{s} = {v}\n",
    "properties": "app.{s}={v}\n",
    "json": '{{"{c}": "{v}", "n": 1}}',
    "json-in-json": '{{"body": "{{\\"{c}\\": \\"{v}\\"}}"}}',
    "python": "{s} = '{v}'\n",
    "python-kwarg": "client = Client({s}=\"{v}\", timeout=3)",
    "python-dict": "config = {{'{s}': '{v}'}}",
    "python-environ": "os.environ[\"{n}\"] = \"{v}\"",
    "python-getenv": "os.getenv('{n}', '{v}')",
    "typescript": "const {c}: string = \"{v}\";",
    "javascript": "  {c}: '{v}',",
    "js-env": "process.env.{n} = `{v}`;",
    "go": "\t{c} := \"{v}\"",
    "go-const": "const {c} = `{v}`",
    "rust": "const {n}: &str = \"{v}\";",
    "java": "private static final String {n} = \"{v}\";",
    "kotlin": "val {c} = \"{v}\"",
    "csharp": "public string {c} {{ get; set; }} = \"{v}\";",
    "c": "#define {n} \"{v}\"",
    "cpp": "const char* {s} = \"{v}\";",
    "ruby": "{s}: '{v}',",
    "ruby-env": "ENV['{n}'] = '{v}'",
    "php": "define('{n}', '{v}');",
    "php-array": "'{s}' => '{v}',",
    "swift": "let {c} = \"{v}\"",
    "scala": "val {c}: String = \"{v}\"",
    "perl": "my ${s} = '{v}';",
    "elixir": "config :app, {s}: \"{v}\"",
    "lua": "local {s} = \"{v}\"",
    "terraform": "  {s} = \"{v}\"\n",
    "terraform-var": "variable \"{s}\" {{\n  default = \"{v}\"\n}}",
    "dockerfile": "ENV {n}={v}\n",
    "dockerfile-space": "ENV {n} {v}\n",
    "docker-run": "docker run -e {n}={v} app:1",
    "compose": "    environment:\n      - {n}={v}\n",
    "actions": "        env:\n          {n}: {v}\n",
    "k8s-env": "        - name: {n}\n          value: \"{v}\"\n",
    "xml": "<{c}>{v}</{c}>",
    "xml-attribute": "<add key=\"{c}\" value=\"{v}\" />",
    "query": "https://api.acme-corp.io/v1?{s}={v}&page=2",
    "header": "curl -H 'X-Api-Key: {v}' https://api.acme-corp.io",
    "option": "deploy --{k} {v} --force",
    "option-equals": "deploy --{k}={v}",
    "notebook": '{{"cells": [{{"source": ["{s} = \\"{v}\\"\\n", "x = 1"]}}]}}',
    "diff": "@@ -1 +1 @@\n-{n}=\n+{n}={v}\n",
    "markdown-table": "| {n} | {v} |\n|---|---|\n",
    "log": "2026-01-02 INFO loaded {s}={v} from env",
}  # fmt: skip

#: Files and commands with a place for a credential of any form. {v} is the secret.
PLACED: dict[str, tuple[str, Make]] = {
    "netrc": ("machine git.acme-corp.io login bot password {v}\n", _of((ALNUM, 16))),
    "pgpass": ("db.acme-corp.io:5432:app:svc:{v}\n", _of((ALNUM, 16))),
    "npmrc": ("//registry.npmjs.org/:_authToken={v}\n", _of((ALNUM, 36))),
    "npmrc-auth": ("//npm.acme-corp.io/:_auth={v}\n", lambda r: base64.b64encode(b"bot:" + some(r, ALNUM, 18).encode()).decode()),
    "pypirc": ("[pypi]\nusername = bot\npassword = {v}\n", _of((ALNUM, 20))),
    "docker-config": ('{{"auths": {{"ghcr.io": {{"auth": "{v}"}}}}}}', lambda r: base64.b64encode(b"bot:" + some(r, ALNUM, 18).encode()).decode()),
    "kubeconfig-token": ("users:\n- name: admin\n  user:\n    token: {v}\n", _of((ALNUM, 40))),
    "kubeconfig-key": ("    client-key-data: {v}\n", lambda r: base64.b64encode(b"-----BEGIN RSA PRIVATE " + b"KEY-----\n" + some(r, B64, 64).encode()).decode()),
    "k8s-secret": ("apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ndata:\n  password: {v}\n", lambda r: base64.b64encode(some(r, ALNUM, 15).encode()).decode()),
    "postgres-url": ("postgresql://svc:{v}@db.acme-corp.io:5432/app", _of((ALNUM, 14))),
    "mysql-url": ("mysql+pymysql://svc:{v}@db.acme-corp.io/app", _of((ALNUM, 14))),
    "mongo-url": ("mongodb+srv:" "//svc:{v}@c0.ab1cd.mongodb.net/?retryWrites=true", _of((ALNUM, 14))),
    "redis-url": ("redis://:{v}@cache.acme-corp.io:6379/0", _of((ALNUM, 14))),
    "amqp-url": ("amqps://svc:{v}@mq.acme-corp.io/vhost", _of((ALNUM, 14))),
    "git-url": ("git clone https://bot:{v}@git.acme-corp.io/team/app.git", _of((ALNUM, 20))),
    "git-token-url": ("https://x-access-token:{v}@github.com/acme/app.git", _of((ALNUM, 40))),
    "jdbc": ("jdbc:sqlserver://db:1433;user=sa1;password={v};encrypt=true", _of((ALNUM, 14))),
    "jdbc-query": ("jdbc:postgresql://db/app?user=svc&password={v}", _of((ALNUM, 14))),
    "odbc": ("Driver={{X}};Server=db;Uid=svc;Pwd={v};", _of((ALNUM, 14))),
    "azure-storage": ("DefaultEndpointsProtocol=https;AccountName=acc;AccountKey={v};EndpointSuffix=core.windows.net", lambda r: base64.b64encode(r.randbytes(64)).decode()),
    "service-bus": ("Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=root;SharedAccessKey={v}", lambda r: base64.b64encode(r.randbytes(32)).decode()),
    "bearer": ("Authorization: Bearer {v}", _of((ALNUM, 40))),
    "basic": ("Authorization: Basic {v}", lambda r: base64.b64encode(b"bot:" + some(r, ALNUM, 18).encode()).decode()),
    "bearer-json": ('{{"headers": {{"Authorization": "Bearer {v}"}}}}', _of((ALNUM, 40))),
    "bearer-code": ("headers = {{'Authorization': f'Bearer {v}'}}", _of((ALNUM, 40))),
    "curl-user": ("curl -u " "admin1:{v} https://api.acme-corp.io/x", _of((ALNUM, 14))),
    "curl-user-quoted": ('curl --user ' '"admin1:{v}" https://api.acme-corp.io/x', _of((ALNUM, 14))),
    "wget": ("wget --user=bot --password={v} https://x.acme-corp.io", _of((ALNUM, 14))),
    "sshpass": ("sshpass -p '{v}' ssh bot@host1", _of((ALNUM, 12))),
    "mysql-command": ("mysql -u root -p{v} app", _of((ALNUM, 12))),
    "psql": ("PGPASSWORD={v} psql -h db -U svc app", _of((ALNUM, 12))),
    "docker-login": ("docker login -u bot -p {v} ghcr.io", _of((ALNUM, 20))),
    "redis-cli": ("redis-cli -h cache -a {v} ping", _of((ALNUM, 14))),
    "openssl": ("openssl enc -aes-256-cbc -k {v} -in x", _of((ALNUM, 16))),
    "openssl-pass": ("openssl rsa -in k.pem -passin pass:{v}", _of((ALNUM, 16))),
    "sql-user": ("CREATE USER svc WITH PASSWORD '{v}';", _of((ALNUM, 12))),
    "sql-identified": ("ALTER USER 'svc'@'%' IDENTIFIED BY '{v}';", _of((ALNUM, 12))),
    "htpasswd": ("htpasswd -b file bot {v}", _of((ALNUM, 12))),
    "wireguard": ("[Interface]\nPrivateKey = {v}\n", lambda r: base64.b64encode(r.randbytes(32)).decode()),
    "s3cfg": ("[default]\nsecret_key = {v}\n", _of((B64, 40))),
    "aws-file": ("[default]\naws_secret_access_key = {v}\n", _of((B64, 40))),
    "boto": ("boto3.client('s3', aws_secret_access_key='{v}')", _of((B64, 40))),
    "gem": (":rubygems_api_key: {v}\n", _of((HEX, 48))),
    "composer": ('{{"http-basic": {{"repo.acme-corp.io": {{"username": "bot", "password": "{v}"}}}}}}', _of((ALNUM, 16))),
    "maven": ("<server><id>r</id><username>bot</username><password>{v}</password></server>", _of((ALNUM, 16))),
    "gradle": ("signing.password={v}\n", _of((ALNUM, 16))),
    "ansible": ("ansible_become_pass: {v}\n", _of((ALNUM, 16))),
    "rails-yaml": ("production:\n  adapter: mysql2\n  password: {v}\n", _of((ALNUM, 16))),
    "spring": ("spring.datasource.password={v}\n", _of((ALNUM, 16))),
    "url-token": ("https://api.acme-corp.io/v2/items?access_token={v}", _of((ALNUM, 32))),
    "cookie": ("Cookie: sessionid={v}; theme=dark", _of((ALNUM, 32))),
    "telegram-url": ("https://api.telegram.org/bot{v}/getMe", _of((DIGITS[1:], 10), ":A", "A", (W, 33))),
    "azure-sas": ("https://acc.blob.core.windows.net/c/f?sv=2024-01-01&sig={v}%3D", _of((ALNUM, 43))),
    "sentry-dsn": ("https://0123abcd0123abcd0123abcd0123abcd:{v}@o1.ingest.sentry.io/2", _of((HEX, 32))),
    "libpq-word": ("psycopg2.connect(\"host=prod dbname=app user=ada password={v}\")", lambda r: "meadow" + some(r, LOWER, 5)),
    "unattend": ("<AutoLogon><Password><Value>{v}</Value></Password></AutoLogon>", _of((ALNUM, 14))),
    "schtasks": ("schtasks /create /tn \"Backup\" /tr \"b.bat\" /ru ada /rp {v}", _of((ALNUM, 11))),
    "jenkins-crumb": ("curl -X POST -H 'Jenkins-Crumb:{v}' http://ci.acme-corp.io/build", _of((HEX, 32))),
    "truenas": ("{{\"method\": \"auth.login_with_api_key\", \"params\": [\"{v}\"]}}", _of((DIGITS[1:], 1), "-", (ALNUM, 64))),
    "private-key-line": ("private_key = \"-----BEGIN PRIVATE " "KEY-----\\n{v}\\n-----END PRIVATE " "KEY-----\\n\"", _of((B64, 400))),
}  # fmt: skip


def written(name: str, how: str, value: str) -> str:
    """The value under a name, in one of the ways of `ASSIGNED`."""
    words = name.lower().split("_")
    camel = words[0] + "".join(w.title() for w in words[1:])
    return ASSIGNED[how].format(n=name, c=camel, s=name.lower(), k="-".join(words), v=value)
