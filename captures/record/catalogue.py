"""Write ../README.md: what there is, from the captures, their logs and README.in.md."""

import glob
import json
import os
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
CAPTURES = os.path.dirname(HERE)

# Programs that keep no log of their own.
BESIDE = {
    "nginx": ["nginx"], "silence": ["nginx"], "haproxy": ["haproxy"], "two-devices": ["haproxy"], "refused": ["nginx"], "tls-tunnel": ["tinyproxy"], "tls-openssl": ["openssl"],
    "tls-go-and-rust": ["rustls"], "tls-gnutls": ["gnutls-cli"], "tls-in-tls": ["haproxy", "tinyproxy"], "tls-corners": ["curl", "nghttpd", "openssl"],
    "connect-proxy": ["tinyproxy"], "socks-proxy": ["microsocks"], "proxy-protocol": ["haproxy"],
    "polling": ["curl", "aiohttp"], "polling-and-websocket": ["curl"], "mqtt": ["mosquitto"],
    "other": ["dnsmasq", "dig", "redis", "openssl", "openssh", "mosquitto", "curl"],
    "databases": ["postgresql", "psql", "memcached", "Python smtpd", "nghttp2"],
}
PACKAGES = ["chromium", "nginx", "haproxy", "tinyproxy", "microsocks", "curl", "mosquitto", "redis-server", "postgresql-15", "memcached", "nghttp2-server", "dnsmasq-base",
            "bind9-dnsutils", "openssl", "openssh-server", "golang-github-gorilla-websocket-dev", "golang-go", "gnutls-bin", "tcpdump", "tshark"]


def text_of(command):
    return subprocess.run(command, capture_output=True, text=True).stdout


def main():
    with open(os.path.join(HERE, "record.py"), encoding="utf-8") as f:
        about = {name.replace("_", "-"): doc for name, doc in
                 re.findall(r'@scenario\ndef (\w+)\(lab\):\n    """(.*?)"""', f.read(), re.S)}
    rows, packets, size, logs = [], 0, 0, 0
    for path in glob.glob(CAPTURES + "/*.pcap*"):
        file = os.path.basename(path)
        name = file.rsplit(".", 1)[0]
        info = text_of(["capinfos", path])
        links = re.findall(r"Encapsulation = (.*?) \(", info) or re.findall(r"File encapsulation: +(.*)", info)
        devices = re.findall(r"Name = (\S+)", info) or (["any"] if "cooked" in links[0] else ["lo"])
        unit = {"nanoseconds (9)": "ns", "microseconds (6)": "µs"}[re.search(r"File timestamp precision: +(.*)", info)[1]]
        how = " + ".join(f"`{d}`, {link.replace('Linux cooked-mode capture', 'Linux cooked')}" for d, link in zip(devices, links))
        if file.endswith(".pcap"):
            how += f"; pcap, {unit}, tcpdump"
        programs = []
        log = os.path.join(CAPTURES, name + ".log.jsonl")
        if os.path.exists(log):
            logs += os.path.getsize(log)
            with open(log, encoding="utf-8") as f:
                for line in map(json.loads, f):
                    p = line.get("program")
                    if p and p not in programs:
                        programs.append(p)
        programs = sorted(programs) + BESIDE.get(name, [])
        count = int(text_of(["capinfos", "-TMc", path]).split()[-1])
        packets, size = packets + count, size + os.path.getsize(path)
        rows.append((name != "tour", list(about).index(name),
                     f"| `{file}` | {about[name]} | {', '.join(programs)} | {how} | {count} | {os.path.getsize(path)} |"))
    table = ["| capture | shows | programs | device and link | packets | bytes |", "|---|---|---|---|--:|--:|",
             *(row for _, _, row in sorted(rows))]
    versions = [v.rsplit(" ", 1) for v in text_of(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *PACKAGES]).splitlines()]
    with open(os.path.join(HERE, "README.in.md"), encoding="utf-8") as f:
        text = f.read()
    text = text.replace("@TABLE@", "\n".join(table)).replace("@COUNT@", str(len(rows)))
    text = text.replace("@PACKETS@", str(packets)).replace("@SIZE@", f"{size / 1e6:.1f} MB").replace("@LOGS@", f"{logs / 1e6:.1f} MB")
    text = text.replace("@VERSIONS@", ", ".join(f"{p} {v}" for p, v in versions))
    with open(os.path.join(CAPTURES, "README.md"), "w", encoding="utf-8") as f:
        f.write(text)


if __name__ == "__main__":
    main()
