"""Hold names of pins that try to break whatever shows them."""

HOSTILE_NAMES = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; &amp;amp; </td></table></html>",
    "invoice\u202egnp.exe",
    "\u2067right to left\u2069 and \u200fback",
    "zero\u200bwidth\u200d\ufeff\u2060",
    "nul\x00bell\x07escape\x1b[31m",
    "half a pair \ud800 alone",
    "two\nlines\r\n\u2028and\ttabs",
    "Z" + "\u0300\u0301\u0302\u0303\u0304\u0305\u0306" * 20 + "algo",
    "x" * 10_000,
    "קובץ גיבוי 12.zip",
    "نسخة احتياطية.tar",
    "family 👩‍👩‍👧 flag 🇨🇭 heart ❤️",
    "   ",
    "",
)
