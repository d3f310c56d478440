"""User and host names as programs take and print them: `ls -l`, `ssh`, `who`, the environment.

Accounts that many machines share (`root`, `www-data`) say nothing about a person and stay.
"""

# ruff: noqa: E501  (a pattern is easier to read on one line)

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .checks import count_digits
from .places import host_name, name_behind, name_rule, prompt_user
from .rules import NL, Rule, quick
from .vocabulary import is_generic

_USER = r"[a-z_][a-z0-9_.-]{1,31}"
_START = r"(?:^|[\n\x00\"']|\\n|\xe2\x86\x92)"

#: Accounts and groups that systems and packages create.
_SYSTEM = frozenset(
    b"""
    staff wheel adm sudo systemd messagebus nogroup utmp shadow crontab games man lp news uucp proxy
    list irc gnats sys kmem tty disk fax voice cdrom floppy tape audio dip operator src video
    plugdev netdev bluetooth input kvm render polkitd avahi colord dnsmasq chrony ntp rpc rpcuser
    dbus _apt syslog uuidd tcpdump landscape pollinate fwupd-refresh mail squid named bind tomcat
    jetty grafana prometheus gitea vault consul nomad etcd minio rabbitmq memcached solr zookeeper
    unknown cassandra influxdb telegraf traefik caddy haproxy varnish odoo wordpress drupal nextcloud
    ssl-cert ssh_keys lxd lxc-dnsmasq libvirt libvirt-qemu libvirt-dnsmasq qemu vboxusers vboxsf
    wireshark sambashare lpadmin pulse pulse-access rtkit saned scanner tss sgx netadmin usbmux
    geoclue whoopsie kernoops cups-pk-helper gdm lightdm speech-dispatcher hplip
    gnome-initial-setup epmd couchdb mongod elasticsearch kibana logstash opendkim opensmtpd postfix
    postdrop dovecot dovenull vmail clamav debian-tor munin nagios zabbix icinga gitlab-runner
    hacluster haclient ceph slurm munge freerad openldap ldap nslcd sssd unbound nsd pdns kea wazuh
    ossec transmission debian-transmission i2c gpio spi adbusers realtime seat power storage network
    optical flatpak abrt utempter cgred cockpit-ws setroubleshoot insights stapusr
    """.split()
)


@lru_cache(maxsize=4096)
def is_person(name: bytes) -> bool:
    """No account that many machines share, or that systems and packages make."""
    text = name.decode("latin-1")
    return (
        name.lower() not in _SYSTEM
        and not is_generic(text)
        and not name.startswith((b"systemd", b"_"))
    )


def account(data: bytes, match: Any) -> tuple[int, int] | None:
    start, end = match.span(1)
    return (start, end) if is_person(match.group(1)) else None


_OWNERS = quick(r"([A-Za-z_][\w.-]{1,31}) {1,16}([A-Za-z_][\w.-]{0,31}|\d{1,10}) ")


def _owners(data: bytes, end: int) -> list[tuple[int, int]]:
    """Owner and group in a line of `ls -l`, behind the mode, whose last character ends at `end`."""
    match = _OWNERS.match(data, end - 1, end + 90)
    if match is None:
        return []
    return [match.span(n) for n in (1, 2) if is_person(match.group(n))]


_HOST_END = quick(r"[A-Za-z0-9_(=\[-]|\.[A-Za-z0-9]|:[A-Za-z]")
_LABELS = quick(r"[A-Za-z0-9.-]")
#: Ends of names that are the same on every cluster or machine.
_EVERYWHERE = (b".cluster.local", b".docker.internal", b".google.internal", b".svc.local")


def _inner_host(data: bytes, end: int) -> list[tuple[int, int]]:
    """A host of an internal network: three labels or more, and a digit in the first."""
    start, floor = end, max(0, end - 100)
    while start > floor and _LABELS.match(data, start - 1, start):
        start -= 1
    name = data[start:end]
    labels = name.split(b".")
    if len(labels) < 3 or not all(labels) or _HOST_END.match(data, end, end + 2):
        return []
    if not count_digits(labels[0]) or not labels[0][:1].isalpha():
        return []
    before = data[start - 1 : start]
    if name.endswith(_EVERYWHERE) or before in (b"_", b"$", b"\\") or before >= b"\x80":
        return []
    return [(start, end)]


_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{1,60}"


#: Public hosts of repositories, and plain addresses.
_PUBLIC = quick(
    r"(?i)(?:.*\.)?(?:github|gitlab|bitbucket|codeberg|sr|sourceforge|gitea|heroku|launchpad|example)\.[a-z]{2,4}\Z|\d+(?:\.\d+){3}\Z"
)


#: Hosts as manuals call them: `host1`, `server-2`.
_NUMBERED = quick(
    r"(?i)(?:remote|my|your)?[-_]?(?:host|server|machine|node|box|vm|ip|address)(?:name)?[-_]?\d{0,3}\Z"
)


def _machine(data: bytes, match: Any) -> tuple[int, int] | None:
    name = match.group(1)
    if _PUBLIC.match(name, 0, len(name)) or _NUMBERED.match(name, 0, len(name)):
        return None
    return host_name(data, match)


#: Other lines in the settings of ssh: `Host b`, `Port 22`.
_SETTINGS = quick(
    r"(?:^|[\n\"\x00]|\\n)Host[ \t]+\S|(?:\b|\\[nt])Port[ \t]+\d|(?:\b|\\[nt])Host[Nn]ame[ \t]+[\w-]*[.\d-]|"
    r"(?:\b|\\[nt])(?:IdentityFile|IdentitiesOnly|Proxy(?:Jump|Command)|ForwardAgent|StrictHostKeyChecking)[ \t]"
)
_LINE_ENDS = quick(r"[ \t]*(?:[\r\n\"\x00]|\\+[rn]|\Z)")


def _in_settings(data: bytes, match: Any) -> bool:
    """True where the value ends its line, near other settings of ssh: no field of a struct in code."""
    start, end = match.start(), match.end(1)
    if not _LINE_ENDS.match(data, end, end + 20):
        return False
    return bool(
        _SETTINGS.search(data, max(0, start - 160), start + 1)
        or _SETTINGS.search(data, end, end + 120)
    )


def _configured(data: bytes, match: Any) -> tuple[int, int] | None:
    return account(data, match) if _in_settings(data, match) else None


def _host_set(data: bytes, match: Any) -> tuple[int, int] | None:
    """A host with a dot or a dash anywhere; a plain word only among other settings, because it may
    be a type (`HostName string`)."""
    parts = b"." in match.group(1) or b"-" in match.group(1)
    return host_name(data, match) if parts or _in_settings(data, match) else None


#: Words that lines of logs have behind the time in place of a host.
_LEVELS = frozenset(b"trace debug info notice warn warning error critical fatal last".split())


def _logging(data: bytes, match: Any) -> tuple[int, int] | None:
    return None if match.group(1).lower() in _LEVELS else host_name(data, match)


#: The same for users and hosts, so that the prefilter looks for it once.
_AT_HOST = rf"\b(?:(?:ssh|scp|sftp|rsync|mosh|sshfs|ssh-copy-id)[ ][^\n|;<>@]{{0,100}}\b|(?:ssh|scp|sftp|rsync|smb)://){_USER}@[A-Za-z0-9]"
_REMOTES = r"\b(?:ssh|scp|sftp|rsync|mosh|sshfs|ssh-copy-id)[ ]"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d) "
_LOGGED = rf"(?:{_MONTH}[ ]{{1,2}}\d{{1,2}} \d\d:\d\d:\d\d |{_TIME})"
_WRITER = r"(?:(?:[A-Za-z][\w./-]{0,40})?[a-z]\[\d{1,7}\]|kernel|sudo): "
_MINGW = r"@[A-Za-z0-9.-]{2,60} MINGW(?:64|32) "

#: Behind a head: the head, the name, and what follows it.
_USERS: tuple[tuple[str, str, str], ...] = (
    # logs of servers: who signed in
    (
        r"\b(?:Accepted|Failed) (?:password|publickey|none|hostbased|keyboard-interactive|gssapi)[a-z/-]{0,12} for (?:invalid user )?",
        _USER,
        " from ",
    ),
    (r"\bInvalid user ", _USER, " from "),
    (r"\bsudo(?:\[\d{1,7}\])?:[ ]{1,9}", _USER, " : "),
    (r"\bStarted Session \w{1,9} of [Uu]ser ", _USER, r"[.\s\\]"),
    (r"\bsession opened for user ", _USER, r"(?:\(| by )"),
    (r"'su [a-z_]\S{1,31}' failed for ", _USER, " on "),
    (r"\bssh[ ]-l[ ]{1,2}", _USER, "[ ]"),
    (
        rf"(?:{_START}(?:USER|LOGNAME|USERNAME|SUDO_USER)|[ \t\"';](?:LOGNAME|SUDO_USER))=",
        _USER,
        r"(?:[\s\"'\\\x00]|$)",
    ),
    (r"\b(?:[ug]id|groups)=\d{1,7}\(", _USER, r"\)"),
    (rf"\bhost=[\w.:-]{{3,60}}{NL}username=", r"[A-Za-z0-9][\w.-]{1,38}", r"(?:[\r\n\\\"]|$)"),
    (
        r"Logged in to [a-z0-9.-]{4,60} (?:account|as) ",
        r"[A-Za-z0-9][A-Za-z0-9-]{1,38}",
        r"[ \r\n\\(]",
    ),
)

RULES: tuple[Rule, ...] = (
    *(name_behind("user", head, name, account, tail) for head, name, tail in _USERS),
    name_behind("host", rf"<\d{{1,3}}>1 {_TIME}", r"[A-Za-z][\w.-]{1,60}", _machine, " "),
    name_behind(
        "host", r"\bconnect from ", r"[A-Za-z0-9][\w-]*\.[A-Za-z0-9.-]{3,80}", _machine, r"\[\d"
    ),
    name_behind(
        "host",
        r"\bDHCP[A-Z]{3,8} [^\n]{0,80}(?:[0-9a-f]{2}:){5}[0-9a-f]{2} \(",
        r"[A-Za-z][\w.-]{2,62}",
        host_name,
        r"\)",
    ),
    name_behind("host", "Static hostname: ", r"[A-Za-z0-9][\w.-]{1,61}", host_name),
    name_behind("host", r"\bCOMPUTERNAME=", "[A-Za-z0-9][A-Za-z0-9-]{1,62}", host_name),
    name_behind(
        "user",
        r"(?:^|[\n\x00]|\\n)(?:[ ]{1,8}|\t|\\t)User[ \t]{1,8}",
        _USER,
        _configured,
        r"(?:[\s\\]|$)",
    ),
    name_rule(
        "host",
        r"\bHostName[ \t]{1,8}[A-Za-z0-9]",
        r"\bHostName[ \t]{1,8}([A-Za-z][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+){0,5})(?:[\s\"'\\]|$)",
        _host_set,
    ),
    name_rule(
        "host",
        _AT_HOST,
        rf"{_REMOTES}(?:[^\n|;<>@]{{0,100}}[ '\"=])?{_USER}@([A-Za-z0-9](?:[A-Za-z0-9.-]{{0,60}}[A-Za-z0-9])?)",
        _machine,
    ),
    name_rule(
        "user",
        _AT_HOST,
        rf"(?:{_REMOTES}(?:[^\n|;<>@]{{0,100}}[ '\"=])?|\b(?:ssh|scp|sftp|rsync|smb)://)({_USER})@[A-Za-z0-9]",
        account,
    ),
    Rule(
        "host",
        rf"{_LOGGED}[A-Za-z][\w.-]{{0,62}} {_WRITER}",
        rf"{_LOGGED}([A-Za-z][\w.-]{{1,62}}) {_WRITER}",
        _logging,
        "host",
        window=(160, 4),
        rank=3,
        # what follows the host, because looking for twelve months costs more
        faster=(r"[a-z]\[\d{1,7}\]: ", " kernel: ", " sudo: "),
    ),
    name_rule(
        "user", rf" - {_USER} \[\d\d/[A-Z][a-z]{{2}}/\d{{4}}:", rf" - ({_USER}) \[\d\d/", account
    ),
    name_rule("user", rf"{_START}{_USER} +(?:pts/|tty)\d", rf"({_USER}) +(?:pts/|tty)\d", account),
    name_rule(
        "host",
        r"\.c[a-z0-9]{11}\.[a-z0-9-]{6,24}\.rds\.amazonaws\.com",
        r"\b([a-z][a-z0-9-]{0,62}\.c[a-z0-9]{11})\.[a-z0-9-]{6,24}\.rds",
        host_name,
    ),
    name_rule(
        "host",
        r"[A-Za-z0-9]\.fritz\.box\b",
        r"\b([A-Za-z0-9][A-Za-z0-9-]{1,62})\.fritz\.box",
        host_name,
    ),
    # the prompts of Kali and of Git for Windows
    name_rule("user", rf"\({_NAME}\xe3\x89\xbf", rf"\(({_NAME})\xe3\x89\xbf", prompt_user),
    name_behind("host", r"\xe3\x89\xbf", r"[A-Za-z0-9][\w.-]{1,60}", host_name, r"\)"),
    name_rule("user", _MINGW, rf"\b({_NAME})@{_NAME} MINGW", prompt_user),
    name_rule("host", _MINGW, rf"@({_NAME}) MINGW", host_name),
    Rule(
        "user",
        r"[d-]r[w-][xsS-][r-][w-][xsS-][r-][w-][xtT-][.+@]? {1,6}\d{1,7} {1,6}[A-Za-z_]",
        shape="user",
        direct=_owners,
        rank=1,
    ),
    Rule(
        "host",
        r"\d[A-Za-z0-9.-]*\.(?:internal|corp|lan|intranet|local)",
        shape="host",
        direct=_inner_host,
        rank=1,
    ),
)
