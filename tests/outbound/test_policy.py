import pytest

from antiphon.outbound.policy import OutboundPolicy, OutboundRefused

INTERNET = OutboundPolicy()


def allowing(*words: str) -> OutboundPolicy:
    return OutboundPolicy.allowing(words)


def refusal(policy: OutboundPolicy, url: str) -> str:
    with pytest.raises(OutboundRefused) as refused:
        policy.check_url(url)
    return str(refused.value)


def test_it_works_for_a_public_address() -> None:
    assert INTERNET.check_url("https://tools.example.com:8443/mcp?x=1").raw_host == "tools.example.com"
    INTERNET.check_addresses("tools.example.com", ["93.184.215.14", "2606:2800:21f::1"])


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://127.1/",
        "https://127.0.1/",
        "https://0x7f.0.0.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://127.0.0.1.0x0/",
        "https://%31%32%37.0.0.1/",
        "https://0.0.0.0/",
        "https://0/",
        "https://10.1.2.3/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.100.100.200/",
        "https://168.63.129.16/",
        "https://192.0.0.192/",
        "https://224.0.0.1/",
        "https://239.255.255.250/",
        "https://240.0.0.1/",
        "https://255.255.255.255/",
        "https://192.88.99.1/",
        "https://198.18.0.1/",
        "https://[::]/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[64:ff9b::169.254.169.254]/",
        "https://[64:ff9b:1::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[2001:0:7f00:1::]/",
        "https://[fe80::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[2606:2800:21f::1%25eth0]/",
        "https://[fec0::1]/",
        "https://[fc00::1]/",
        "https://[fd00:ec2::254]/",
        "https://[ff02::1]/",
        "https://[3fff::1]/",
    ],
)
def test_an_address_outside_the_public_internet_is_refused(url: str) -> None:
    refusal(INTERNET, url)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("file:///etc/passwd", "names no host"),
        ("ftp://example.com/", "must start with https://"),
        ("gopher://example.com/", "must start with https://"),
        ("//example.com/", "must start with https://"),
        ("example.com", "names no host"),
        ("", "names no host"),
        ("https:///mcp", "names no host"),
        ("https://user:hunter2@example.com/", "must not contain a name or password"),
        ("https://hunter2@example.com/", "must not contain a name or password"),
        ("https://example.com:0/", "port 0"),
        ("https://example.com:99999/", "is not a URL"),
        ("https://exam ple.com/", "can't contain spaces"),
        ("https://example.com\\@127.0.0.1/", "can't contain spaces, backslashes"),
        ("https://example.com/\r\nX-Evil: 1", "can't contain spaces"),
        ("https://１２７.0.0.1/", "outside ASCII"),
        ("https://ex%00ample.com/", "no name of a host"),
        ("https://a..b/", "no name of a host"),
        ("https://" + "a" * 3000 + ".com/", "at most 2048 characters"),
        ("http://example.com/", "only be reached over https"),
    ],
)
def test_a_hostile_or_broken_url_is_refused_with_a_sentence_that_quotes_no_password(
    url: str, problem: str
) -> None:
    message = refusal(INTERNET, url)
    assert problem in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["93.184.215.14", "10.0.0.5"],
        ["::ffff:10.0.0.5"],
        ["64:ff9b::10.0.0.5"],
        ["fe80::1%2"],
        ["no address"],
    ],
)
def test_a_name_is_refused_if_any_of_its_addresses_is(addresses: list[str]) -> None:
    with pytest.raises(OutboundRefused, match=r"tools\.example\.com"):
        INTERNET.check_addresses("tools.example.com", addresses)


def test_a_translated_public_address_is_public() -> None:
    INTERNET.check_addresses("tools.example.com", ["64:ff9b::93.184.215.14", "::ffff:93.184.215.14"])


def test_the_operator_can_allow_a_name_whatever_its_address() -> None:
    policy = allowing("tools.corp", "localhost")
    assert policy.check_url("http://Tools.Corp.:8000/mcp").port == 8000
    policy.check_addresses("tools.corp", ["10.0.0.5"])
    policy.check_addresses("LOCALHOST.", ["127.0.0.1", "::1"])
    with pytest.raises(OutboundRefused):
        policy.check_addresses("evil.tools.corp", ["10.0.0.5"])


def test_the_operator_can_allow_a_network_under_any_name() -> None:
    policy = allowing("10.0.0.0/8", "fd00::/8", "127.0.0.1")
    policy.check_addresses("tools.example.com", ["10.0.0.5", "fd00::5", "93.184.215.14"])
    policy.check_url("http://10.0.0.5:8000/mcp")
    policy.check_url("http://[fd00::5]/mcp")
    with pytest.raises(OutboundRefused):
        policy.check_addresses("tools.example.com", ["10.0.0.5", "192.168.0.1"])
    refusal(policy, "http://127.0.0.2/")


def test_plain_http_needs_the_host_itself_to_be_allowed() -> None:
    message = refusal(allowing("10.0.0.0/8"), "http://tools.corp/mcp")
    assert "tools.corp" in message
    assert "OUTBOUND_ALLOW" in message


@pytest.mark.parametrize(
    "word", ["https://tools.corp", "tools.corp:8000", "10.0.0.0/40", "127.1", "*.corp", "10.0.0.1/8"]
)
def test_what_the_operator_can_not_mean_is_refused_with_an_example(word: str) -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/8"):
        allowing(word)
