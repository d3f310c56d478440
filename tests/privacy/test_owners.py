"""Keys that the block, the address or the sentence around them tells, keys with a dot or signs of
all sorts and no quotes; and the near misses that stay. Values are put together when the tests run.
"""

from __future__ import annotations

import pytest
from taking import REDACTOR, UUID, H, N, check_taken

#: An id and a secret, as some services join them.
JOINED = "[A-Z][a-z][0-9][A-Z]{3}[a-z]{2}\\.[a-z]{2}[A-Z]{2}[0-9]{2}" + N + "{26}"
MADE = "[a-z0-9]{3}\\*9#[0-9]{2}[a-z]8!p[a-z]p2[a-z]{3}\\$[a-z]{3}@n9[a-z]@[a-z]&\\*[a-z]{2}25e!"
MIXED = "[A-Z]{2}[a-z]{3}[0-9]{2}" + N + "{18}[0-9][a-z][A-Z]"

#: (text with {} for the value, form of the value)
TAKEN = [
    ("pinecone:\n  enabled: true\n  key: {}\n  region: eu\n", UUID),
    ("services:\n  vapi:\n    # ours\n    key: {}\n", UUID),
    ("[detectify]\nurl = x\nkey = {}\n", UUID),
    ('[[opsgenie]]\nkey = "{}"\n', UUID),
    ('{{"pinecone": {{"key": "{}", "region": "eu"}}}}', UUID),
    ('{{\n  "deepl": {{\n    "on": true,\n    "key": "{}"\n  }}\n}}', UUID),
    ("const c = {{\n  saucelabs: {{ key: '{}', retries: 2 }},\n}};", UUID),
    ("'postmark' => [\n    'key' => '{}',\n],\n", UUID),
    ('provider "scaleway" {{\n  key = "{}"\n}}\n', UUID),
    ("curl 'https://api.codecov.io/v1/items?on=1&key={}'", UUID),
    ("use {} for the vapi api key", UUID),
    ("{} for the zorblat key, please", MIXED),
    ("set `{}` for the zorblat access token", f"{H}{{40}}"),
    ("put {} into .env as ZORBLAT_API_KEY", UUID),
    ("{} goes into ZORBLAT_TOKEN", MIXED),
    ("it is {} (zorblat api key)", MIXED),
    ("echo {} > ~/.zorblat/token", UUID),
    ("codecov -t {}\n", UUID),
    ("az keyvault secret set --vault-name kv --name ZorblatToken --value {}\n", UUID),
    ("composer config --global github-oauth.github.com {}\n", f"{H}{{40}}"),
    ("bundle config set --global gems.zorblat.io ada:{}\n", MIXED),
    ("zorblat_key = {}\n", JOINED),
    ("zorblat.api.key={}\n", JOINED),
    ("GET https://api.zorblat.io/v1?limit=5&api_key={}\n", JOINED),
    ("env:\n  - name: ZORBLAT_API_KEY\n    value: {}\n", JOINED),
    ("zorblat:\n  secret: {}\n  region: eu\n", MADE),
    ("define('NUMVERIFY_KEY', '{}');", f"{H}{{32}}"),
    ("new Vapi('{}')", UUID),
    ("AZURE_SEARCH_QUERY_KEY={}\n", f"{N}{{49}}[0-9][a-z][A-Z]"),
    ("INNGEST_EVENT_KEY={}\n", f"{N}{{83}}[0-9][a-z][A-Z]"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "form"), TAKEN, ids=[text[:40] for text, _ in TAKEN])
def test_taken(text: str, form: str) -> None:
    check_taken(text, form)


ID = "7c1e9a52-0b3d-" + "4f86-a1c7-5e2d9048fb63"
DIGEST = "9c1e07b4d2f8" + "43a6be5d70129fc83a64" + "0d51f2a7"


@pytest.mark.parametrize(
    "text",
    [
        f"item:\n  enabled: true\n  key: {ID}\n",
        f"[project]\nkey = {ID}\n",
        f'{{"record": {{"key": "{ID}", "rank": 3}}}}',
        f'{{"pinecone": {{"on": true}}, "record": {{"key": "{ID}"}}}}',
        f"pinecone:\n  on: true\nrecord:\n  key: {ID}\n",
        f"[pinecone]\non = true\n\n[record]\nkey = {ID}\n",
        f"pinecone:\n  index_id: {ID}\n",
        f"https://app.zorblat.io/board?key={ID}&view=list",
        f"https://app.zorblat.io/vapi/board?key={ID}",
        "vapi:\n  key: ${VAPI_KEY}\n",
        "deepl:\n  key: 00000000-0000-0000-0000-000000000000\n",
        f"set {ID} for the key column",
        f"I bisected to {DIGEST} for the login bug",
        f"use {DIGEST} for the key rotation commit",
        f"- uses: acme/setup@{DIGEST} # token input",
        f"rev: {DIGEST}  # pins the key server",
        f"{DIGEST} (rotate the api key)",
        f"{DIGEST} - fix the login token",
        f"{ID} goes in the row with the key column",
        f"see {ID} in the docs of MY_TOKEN",
        f"docker run -t {DIGEST}",
        "composer config --global github-oauth.github.com <your token>",
        "bundle config set --local path vendor/bundle",
        "bundle config gems.zorblat.io",
        "env:\n  - name: API_KEY\n    value: com.acme.config.ApiKeyHolder.DEFAULT\n",
        "api_key = config.providers.openai2.api_key_for_region\n",
        "token = pkg.sha256.Sum256HexString3\n",
        "token: a*b?c*d?e*f\n",
        "secret: *.zorblat.com|*.zorblat.org?x=1*y\n",
        "site_verify_key = compute_all_of_it_2\n",
    ],
)
def test_left_alone(text: str) -> None:
    assert REDACTOR.text(text) == text
