"""Passwords and keys on command lines, in dialogues with servers, and in connection strings.

Each rule follows the manual of a program: the option or the word that its secret stands behind.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from typing import Any

import re2

from .checks import is_placeholder, is_small_word, judged_random, wordy
from .rules import IN_COMMAND, NL, UUID, B, Check, Q, Rule, S, quick, secret_rule
from .structured import whole
from .values import typed

_REFERENCE = quick(
    r"\$|%[A-Z_(]|\{|\(|@|[A-Z][A-Z0-9]*_[A-Z0-9_]*\Z|[<\[]|-|\.{2}|/[a-z]|"
    r"(?:[\d.]{7,15}:)?\d{1,5}(?:-\d{1,5})?:\d{1,5}(?:-\d{1,5})?(?:/tcp|/udp)?\Z"  # ports of a container
)
#: A hole that a format fills.
_FILLED = re2.compile(rb"\{[A-Za-z_]*\}|%[sv]")


def given(data: bytes, match: Any) -> tuple[int, int] | None:
    """The check for a value that a person typed or pasted: no placeholder, no variable, no path, no
    option."""
    start, end = match.span(1)
    value = match.group(1)
    if (
        is_placeholder(value)
        or is_small_word(value)
        or _REFERENCE.match(value, 0, len(value))
        or b"..." in value
        or _FILLED.search(value)
    ):
        return None
    return start, end


def random_value(data: bytes, match: Any) -> tuple[int, int] | None:
    """The same, but the value must be random."""
    value = match.group(1)
    return given(data, match) if judged_random(value, 12) else None


def mixed(data: bytes, match: Any) -> tuple[int, int] | None:
    """`given`, where plain words also stand: the value needs a digit or a sign."""
    value = match.group(1)
    return given(data, match) if any(c < 65 for c in value) and len(value) > 3 else None


def _license(data: bytes, match: Any) -> tuple[int, int] | None:
    """A licence key: `given`, with letters and digits, unlike a licence's name (`AGPL-ONLY-WITH`)."""
    value = match.group(1)
    mixed = any(c < 58 and c != 45 for c in value) and any(c >= 65 for c in value)
    return given(data, match) if mixed and len(set(value)) > 8 else None


def _typed(data: bytes, match: Any) -> tuple[int, int] | None:
    """`given`, where names also stand: the value must look `typed`."""
    value = match.group(1)
    return given(data, match) if typed(value) and wordy(value) < 0.85 else None


def _letters(data: bytes, match: Any) -> tuple[int, int] | None:
    """Four groups of four letters that are no words (a Google app password)."""
    value = match.group(1)
    return match.span(1) if wordy(value.replace(b" ", b"")) < 0.5 else None


_KEY_MANAGEMENT = re2.compile(
    rb"(?i)(?:(?:wpa[23]?|ft|sae|psk|eap|owe|dpp|sha\d{3}|aes|ccmp|tkip|none)[-_+]?)+"
)


def _pre_shared(data: bytes, match: Any) -> tuple[int, int] | None:
    """`given`, but no code (`psk: Optional[bytes]`, `psk = unhexlify(...)`) and no way to agree on keys
    (`psk: "wpa-psk-sha256"`)."""
    value = match.group(1)
    if _KEY_MANAGEMENT.fullmatch(value):
        return None
    quoted = data[match.start(1) - 1 : match.start(1)] in (b'"', b"'")
    return mixed(data, match) if quoted or not any(c in b"([" for c in value) else None


def _rule(
    head: str, value: str = f"{IN_COMMAND}{{3,200}}", tail: str = "", check: Check = given
) -> Rule:
    return secret_rule("password", head, value, check, tail)


#: Programs with the password behind `-p`, and those with it behind `-P` or `-w`.
_SMALL_P = r"(?:docker|podman|nerdctl|buildah|skopeo|helm|oc|az|mongo(?:sh|dump|restore|export|import)?|influx|cqlsh|evil-winrm|ncftp(?:put|get|ls)|nxc|crackmapexec|twine|rdesktop|(?i:psexec(?:64)?(?:\.exe)?))"
_LARGE_P = r"(?:mosquitto_(?:pub|sub)|zip|unzip|7z|ipmitool)"
_LDAP = r"(?:ldap(?:search|add|modify|modrdn|delete|whoami|passwd|compare)|kadmin(?:\.local)?)"
_READS = r"--password-stdin|--with-token|sudo[ \t]+(?:-[a-zA-Z]+[ \t]+)*-S|\bchpasswd|passwd[ \t]+[a-z-]|\bp4[ \t][^\n|;]{0,60}\blogin|\bcryptsetup[ \t]|\bkinit\b|\bvncpasswd[ \t]-f|-stdinpass\b"
_KEEPS = r"\bgcloud[ \t]+secrets|\b(?:docker|podman|gh|wrangler)[ \t]+secret[ \t]+(?:create|set|put)|\bvault[ \t]+(?:kv[ \t]+put|write)|\bcreate[ \t]+secret|\bpass[ \t]+insert"
_PIPED = rf"(?:{_KEEPS}|{_READS})"
#: Patterns for Hyperscan: one for each program that stores a secret, without the pipe before it.
_PIPED_FASTER = (
    rf"\|{S}*(?:{_READS})|\|{S}*[a-z][^\n|;]*(?:{_READS})",
    *(rf"{S}{word}" for word in (r"secret[ \t]+create", r"secret[ \t]+set", r"secret[ \t]+put")),
    *(r"gcloud[ \t]+secrets", r"vault[ \t]+kv[ \t]+put", r"vault[ \t]+write"),
    *(r"create[ \t]+secret", r"pass[ \t]+insert"),
)

#: A line end, and what a listing puts before the next line: its number, its file, the sign of a diff.
_NL2 = rf"{NL}(?:[\w./-]{{1,80}}:\d{{1,6}}:|[ ]{{0,8}}\d{{1,6}}(?:\xe2\x86\x92|\t|[:|-])|[+-])?[ \t]{{0,16}}"

#: The arguments of one command: what would end it counts only outside of quotes.
_ARGS = r"(?:[^\n|;&\"']|\"[^\"\n]*\"|'[^'\n]*'){0,160}?"
#: Commands and their options for a password, which is any word, quoted or not.
_FOR_SURE = (
    rf"docker{S}+login{_ARGS}{S}(?:-p|--password)[ =]{{1,2}}",
    rf"(?:sqlcmd|bcp|isql|tsql){_ARGS}{S}-P{S}{{0,2}}",
    rf"redis-cli{_ARGS}{S}(?:-a|--pass)(?:[ =]{{1,2}}|\t)",
    rf"openssl{_ARGS}{S}-k{S}",
    rf"(?i:winrs){_ARGS}{S}[-/](?i:p|password):",
    rf"rclone{S}+config{S}+(?:create|update|password){_ARGS}{S}pass(?:word)?[ =]",
    r"htpasswd +-[A-Za-z]{0,4}b[A-Za-z]{0,4} +\S{1,60} +\S{1,40} +",
)

RULES: tuple[Rule, ...] = (
    *(
        _rule(rf"{B}{head}\\*[\"']?", r"[^\s\"'<$\\-][^\s\"'\\]{3,200}", check=whole)
        for head in _FOR_SURE
    ),
    _rule(
        rf"{B}mysql(?:dump|admin)?\b{_ARGS}{S}-p{Q}",
        r"[^\s\"'$<\\-][^\s\"'<\\]{3,100}",
        check=whole,
    ),
    _rule(rf"{B}sshpass{S}+-p{S}{{0,2}}\\*[\"']?", r"[^\s\"'\\]{3,200}", check=whole),
    _rule(
        rf"{B}net(?:\.exe)? user [^\s/]{{1,40}} ", r"[^\s\"'<$\\/*-][^\s\"'\\/*]{3,39}", " /", whole
    ),
    _rule(r"jdbc:oracle:(?:thin|oci8?):[^\s/@\"'<>$]{1,60}/", r"[^\s@\"'/\\]{3,80}", "@"),
    _rule(
        rf"{B}(?:sqlplus|sqlldr|expdp|impdp){S}(?:-[A-Za-z]{{1,8}}{S})?{Q}[A-Za-z0-9_.#]{{1,60}}/",
        r"[^\s@\"'/\\]{3,80}",
    ),
    _rule(
        rf"{B}(?:https?|xhs?){S}(?:[^\n|;]{{0,60}}{S})?(?:-a|--auth)[ =]{Q}[A-Za-z0-9_.@%+-]{{1,60}}:"
    ),
    _rule(rf"{B}{_LDAP}\b[^\n|;]{{0,200}}{S}-w{S}{{0,2}}{Q}", check=mixed),
    _rule(rf"{S}-(?:store|key|srcstore|srckey|deststore|destkey)pass(?:word)?[ =]{Q}"),
    _rule(rf"(?:{S}-pass(?:in|out)?|{S}--(?:ks|key)-pass)[ =]{Q}pass:"),
    _rule(
        rf"(?i:\bnet{S}{{1,3}}use)\b[^\n|;]{{0,120}}/(?i:u(?:ser)?):{IN_COMMAND}(?:{IN_COMMAND}|\\)*{S}{{1,3}}",
        check=mixed,
    ),
    Rule(
        "password",
        r"(?i:\bnet[ \t]{1,3}use)\b[^\n|;]*/(?i:user):",
        rf"\\\\[^\s\\]+(?:\\+[^\s\\]+)+{S}+([^\s\\/:\"'*]{{4,80}}){S}+/(?i:user):",
        mixed,
        rank=3,
    ),
    _rule(rf"{B}(?:store|key)Password{S}{{1,3}}\\*[\"']", r"[^\"'\\\n]{3,100}"),
    _rule(
        rf"{B}(?:MYSQL_PWD|PGPASSWORD|SSHPASS|REDISCLI_AUTH|SQLCMDPASSWORD|LDAP_BINDPW|RESTIC_PASSWORD|BORG_PASSPHRASE|RCLONE_CONFIG_PASS|VAULT_TOKEN)={Q}"
    ),
    _rule(
        rf"(?::\d{{2,5}}(?:\[\d{{1,2}}\])?> |\bredis-cli\b[^\n|;]{{0,100}}{S})AUTH{S}{{1,2}}{Q}(?:default{S})?",
        check=mixed,
    ),
    _rule(rf"USER [^\s\\]{{1,60}}{NL}(?:[^\n\\]{{0,100}}{NL})?PASS "),
    _rule(r"\bAUTH (?:PLAIN|LOGIN|XOAUTH2) ", r"[A-Za-z0-9+/]{12,900}={0,2}"),
    Rule(
        "password",
        rf"\|{S}*{_PIPED}|\|{S}*[a-z][^\n|;]*{_PIPED}",
        rf"{B}(?:echo|printf){S}+(?:-[neE]+{S}+|\\*[\"'](?:%s(?:\\+n)?){{1,2}}\\*[\"']{S}+)?(?:{Q}[^\s\"'|\\]{{4,200}}{Q}{S}+)?{Q}([^\s\"'|\\]{{4,200}}){Q}{S}*\|{S}*[^\n|;]{{0,120}}{_PIPED}",
        given,
        window=(420, 8),
        rank=3,
        faster=_PIPED_FASTER,
    ),
    _rule(
        rf"{B}{_SMALL_P}\b[^\n|;]{{0,160}}{S}(?:-u|--username|-U)[ =][^\n|;]{{1,80}}{S}-p{S}{{0,2}}{Q}",
        check=mixed,
    ),
    _rule(rf"{B}supabase{S}[^\n|;]{{0,160}}{S}-p{S}{{0,2}}{Q}", check=mixed),
    _rule(
        rf"{B}(?:conan{S}user\b{_ARGS}|security{S}unlock-keychain|certutil){S}-p{S}{Q}",
        check=mixed,
    ),
    _rule(
        rf"{B}(?:security{S}import|certutil|signtool{S}sign)\b{_ARGS}{S}[-/][pP]{S}{Q}", check=mixed
    ),
    _rule(rf"\bconnect{S}to{S}\S{{1,60}}{S}user{S}\S{{1,60}}{S}using{S}{Q}", check=mixed),
    _rule(rf"\bauth-pass{S}[\w.-]{{1,60}}{S}{Q}", check=mixed),
    _rule(
        rf"{B}(?:poetry|composer){S}config{S}(?:-\S{{1,20}}{S})?http-basic\.\S{{1,40}}{S}\S{{1,60}}{S}{Q}"
    ),
    _rule(rf"{B}(?:7z[ar]?|unrar|rar){S}[^\n|;]{{0,160}}{S}-h?p{Q}", check=mixed),
    _rule(rf"{_PIPED}[^\n|;]{{0,160}}<<<{S}?{Q}", check=mixed),
    _rule(rf"{B}openssl{S}passwd{S}(?:-[a-z0-9]{{1,10}}{S})*{Q}", check=mixed),
    _rule(
        rf"{B}set_network{S}\d{{1,3}}{S}(?:psk|(?:sae_)?password){S}[\\\"']{{1,6}}",
        check=mixed,
    ),
    _rule(
        rf"{B}(?:requirepass|masterauth){S}{{1,4}}{Q}",
        r"[^\s\"'`\\|;<>.][^\s\"'`\\|;<>]{2,200}",
        check=mixed,
    ),
    _rule(rf"(?:\buser|\bSETUSER){S}[\w.-]{{1,60}}{S}on{S}(?:[~&+-]\S{{1,40}}{S})?>", check=mixed),
    _rule(r"\btcp://[^\s\"'?]{3,100}\?auth=", r"[^\s\"'&\\]{4,200}", check=mixed),
    _rule(r"(?i:temporary password is generated for) [^\s:]{1,60}: ", r"[^\s\"\\]{8,40}"),
    _rule(
        r"(?i:\blogin)\(\\*[\"'][^\"'\n]{3,80}[\"'],[ ]?\\*[\"']",
        r"[a-z]{4} [a-z]{4} [a-z]{4} [a-z]{4}",
        r"\\*[\"']",
    ),
    _rule(
        r"(?:[pP]ass(?:word|wd)?|PASS(?:WORD|WD)?)\\*[\"']?[ ]?(?:[:=]|=>)[ ]?\\*[\"']?",
        r"[a-z]{4} [a-z]{4} [a-z]{4} [a-z]{4}",
        r"(?:[\"'\r\n\\\x00]|$)",
        _letters,
    ),
    _rule(
        rf"<auth-user-pass>{_NL2}[^\n\\]{{1,120}}{_NL2}",
        r"[^\s<\"\\]{4,200}",
    ),
    secret_rule(
        "secret",
        rf"\bdns{S}(?:cloudflare|digitalocean|duckdns|gandi|hetzner|vultr|linode|netlify|porkbun|desec|namecheap|ovh){S}",
        r"[A-Za-z0-9_~.-]{16,200}",
        random_value,
    ),
    _rule(rf"{B}{_LARGE_P}{S}[^\n|;]{{0,160}}-P{S}{{0,2}}{Q}", check=mixed),
    _rule(rf"{S}-U{S}?{Q}[A-Za-z0-9_.\\/@-]{{1,60}}%", check=mixed),
    _rule(rf"\bput-parameter\b[^\n|;]{{0,200}}SecureString[^\n|;]{{0,120}}--value[ =]{Q}"),
    Rule(
        "password",
        r"\bput-parameter\b[^\n|;]{0,120}--value[ =][^\n|;]{4,300}SecureString",
        rf"--value[ =]{Q}({IN_COMMAND}{{4,300}})",
        given,
        window=(480, 8),
        rank=3,
    ),
    _rule(rf"\bkeyvault secret set[ ][^\n|;]{{0,200}}--value[ =]{Q}"),
    _rule(
        rf"\bcomposer config [^\n|;]{{0,60}}(?:github-oauth|gitlab-(?:oauth|token)|bitbucket-oauth|bearer)\.[\w.-]{{3,60}}{S}{Q}",
        r"[A-Za-z0-9_~.-]{16,300}",
        check=random_value,
    ),
    _rule(
        rf"\bbundle config (?:set )?(?:--\w{{4,8}} )?(?:[\w-]{{1,30}}\.){{1,4}}[a-z]{{2,8}}{S}{Q}(?:[\w.@-]{{1,60}}:)?",
        r"[A-Za-z0-9_~.-]{16,300}",
        check=random_value,
    ),
    _rule(r"\bPSK[ ]{1,4}\\*[\"']", r"[^\s\"'\\]{8,200}", check=mixed),
    secret_rule(
        "secret",
        rf"{B}(?:cargo|npm|gem|fly(?:ctl)?|vercel|netlify|railway|wandb|huggingface-cli|hf|vault|sentry-cli|pulumi|doppler|infisical|snyk){S}(?:auth{S})?(?:login|signin|auth){S}{{1,2}}(?:--(?:relogin|token|auth-token)[ =])?{Q}",
        r"[A-Za-z0-9_~.-]{20,300}",
        random_value,
    ),
    _rule(
        rf"(?:\b|\\[nrt]|_)(?:psk(?:_?value)?|pre-shared-key)(?:\\*[\"'])?[ ]{{0,24}}[=:][ ]?{Q}",
        rf"{IN_COMMAND}{{8,63}}",
        check=_pre_shared,
    ),
    _rule(rf"(?i:\bnet{S}{{1,3}}user){S}{{1,3}}[^\s/\\]{{1,40}}{S}{{1,3}}{Q}", check=mixed),
    _rule(r"(?:password|secret|key) 7 ", r"[0-9A-F]{8,80}"),
    _rule(r"\b(?:snmp-server community|r[ow]community6?) ", check=mixed),
    _rule(rf"(?:r[ow]|snmp)_?community\\*[\"']?[ ]?(?:[:=]|=>)[ ]?{Q}", check=mixed),
    _rule(rf"\bcreateUser{S}\S{{1,40}}{S}(?:MD5|SHA[\d-]*){S}{Q}", check=mixed),
    _rule(
        rf"\bcreateUser{S}\S{{1,40}}{S}(?:MD5|SHA[\d-]*){S}\S{{4,80}}{S}(?:DES|AES[\d-]*){S}{Q}",
        check=mixed,
    ),
    _rule(rf"{B}nmcli\b[^\n|;]{{0,120}}{S}password{S}{Q}"),
    _rule(rf"{B}(?:bundle|composer)(?:r)?{S}config{S}[^\n|;]{{3,120}}{S}[A-Za-z0-9_.@%-]{{1,60}}:"),
    _rule(rf"{B}lftp{S}[^\n|]{{0,120}}-u{S}?{Q}[A-Za-z0-9_.@-]{{1,60}},"),
    _rule(
        rf"(?:{B}cmdkey{S}[^\n|;]{{0,120}}/pass(?:word)?:|\b[xw]freerdp{S}[^\n|;]{{0,120}}/p:){Q}"
    ),
    _rule(rf"{B}rabbitmqctl{S}(?:add_user|change_password){S}[^\s\\]{{1,60}}{S}{Q}"),
    _rule(
        rf"{B}htpasswd{S}-[A-Za-z]*b[A-Za-z]*{S}(?:[^\s\\]{{1,80}}{S})?[^\s\\]{{1,60}}{S}{Q}",
        check=mixed,
    ),
    _rule(rf"{B}ConvertTo-SecureString{S}(?:-String{S})?\\*[\"']", r"[^\"'\\\n$]{4,200}"),
    Rule(
        "secret",
        rf"{B}oathtool\b[^\n|;]{{0,80}}{S}(?:-b|--base32|--totp)",
        rf"{B}oathtool\b[^\n|;]{{0,100}}?{S}{Q}([A-Za-z2-7]{{16,128}})",
        random_value,
        window=(120, 160),
        rank=3,
    ),
    secret_rule(
        "secret",
        rf"{S}--(?:auth|pat|bearer)[ =]{Q}",
        r"[A-Za-z0-9_~.+/=-]{16,900}",
        random_value,
    ),
    secret_rule(
        "secret",
        r"(?i:\b[th]?otp|\b2fa|\bmfa|authenticator)(?i:[ _-]?(?:seed|secret|key|setup))?\\*[\"']?[ ]?[:=][ ]?\\*[\"'`]?",
        r"[A-Z2-7]{16,64}",
        random_value,
    ),
    secret_rule(
        "license-key",
        r"(?i:\blicen[sc]e(?:[ _-]?(?:key|code))?|\bserial(?:[ _-]?(?:number|key|no))?|\b(?:activation|product|registration)[ _-]?(?:key|code))(?:[ ]?[:=]| is)[ ]{0,8}[\"'`]?",
        r"[A-Z0-9]{4,8}(?:-[A-Z0-9]{4,8}){2,8}",
        _license,
        r"(?:[^A-Za-z0-9-]|$)",
    ),
    secret_rule(
        "license-key",
        r"(?i:licen[sc]e|[/-]ipk|activat)[^\n\x00]{0,40}[^A-Za-z0-9\n\x00-]",
        r"[A-Z0-9]{5}(?:-[A-Z0-9]{5}){4}",
        _license,
        r"(?:[^A-Za-z0-9-]|$)",
    ),
    _rule(rf"\]:\d+{S}+[^\s:\\]+:", check=mixed),
    _rule(rf"{B}(?:setenv|setx|ENV){S}+[A-Z0-9_]+_(?:PASS|PWD|PW|PAT){S}+{Q}", check=mixed),
    _rule(
        rf"(?i:identified{S}+(?:with{S}+\S+{S}+)?by|(?:with|login|role{S}+\w+){S}+password){S}+",
        r"[A-Za-z0-9][^\s\"'`;,()\\]{5,100}",
        check=_typed,
    ),
    _rule(rf"(?i:identified{S}+by){S}+\\*\"", r"[^\s\"\\]{4,100}", r"\\*\""),
    _rule(rf"(?:^|{S})--?pass[ =]{Q}", check=_typed),
    _rule(rf"{B}ldappasswd\b[^\n|;]{{0,120}}{S}-[as]{S}{Q}", check=mixed),
    _rule(
        rf"{B}security{S}add-(?:generic|internet)-password\b[^\n|;]{{1,160}}{S}-w{S}{Q}",
        check=mixed,
    ),
    _rule(rf"{B}ansible-vault{S}encrypt_string{S}(?:--\S{{1,40}}{S})*{Q}", check=mixed),
    # base64 of a password, in a dialogue with a mail server and in LDIF
    _rule(rf"334 UGFzc3dvcmQ6{NL}(?:[^\n\\]{{0,20}}> ?|C: ?)?", r"[A-Za-z0-9+/]{4,200}={0,2}"),
    _rule(r"(?i:userPassword|unicodePwd):: ", r"[A-Za-z0-9+/]{4,200}={0,2}"),
    *(
        secret_rule("secret", head, value, random_value)
        for head, value in (
            (rf"\bkubeadm{S}[^\n]{{0,200}}--token[ =]", r"[a-z0-9]{6}\.[a-z0-9]{16}"),
            (rf"\bmicrok8s{S}join{S}[\w.:-]{{3,80}}/", "[0-9a-f]{32}(?:/[0-9a-f]{12})?"),
            (
                rf"\bcloudflared{S}[^\n|;]{{0,60}}service{S}install{S}",
                "[A-Za-z0-9+/_=-]{40,900}",
            ),
            (
                rf"\bmc{S}alias{S}set{S}[\w-]{{1,40}}{S}\S{{4,100}}{S}{Q}",
                IN_COMMAND + "{8,100}",
            ),
            (
                rf"\bmc{S}alias{S}set{S}[\w-]{{1,40}}{S}\S{{4,100}}{S}\S{{3,100}}{S}{Q}",
                IN_COMMAND + "{8,100}",
            ),
        )
    ),
    secret_rule("instrumentation-key", "InstrumentationKey=", UUID, given, rank=4),
)
