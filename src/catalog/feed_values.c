/* The values of a feed: prices, periods, availability, text out of HTML. */
#include "catalog/feed.h"

#include "base/clock.h"

#include <string.h>

/* ---- prices ---- */

static const struct {
    const char *sign, *code;
} currencies[] = {
    {"€", "EUR"},     {"£", "GBP"},    {"$", "USD"},   {"US$", "USD"}, {"¥", "JPY"},   {"zł", "PLN"},
    {"euros", "EUR"}, {"euro", "EUR"}, {"eur", "EUR"}, {"kr", "SEK"},  {"fr.", "CHF"},
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* What stands around the number: blanks and at most one currency. */
static bool take_currency(struct str s, char currency[static 4])
{
    s = str_trim(s);
    while (str_starts(s, STR("\xc2\xa0")) || str_starts(s, STR("\xe2\x80\xaf")))
        s = str_trim(str_sub(s, s.p[0] == '\xc2' ? 2 : 3, s.n));
    while (str_ends(s, STR("\xc2\xa0")) || str_ends(s, STR("\xe2\x80\xaf")))
        s = str_trim(str_sub(s, 0, s.n - (s.p[s.n - 1] == '\xa0' ? 2 : 3)));
    if (!s.n) return true;
    for (size_t i = 0; i < sizeof currencies / sizeof *currencies; i++)
        if (str_ieqz(s, currencies[i].sign)) {
            memcpy(currency, currencies[i].code, 4);
            return true;
        }
    static const char codes[] =
        "EUR USD GBP CHF SEK NOK DKK ISK PLN CZK HUF RON BGN RSD TRY UAH RUB MAD TND DZD EGP"
        " XOF XAF XPF ZAR NGN KES JPY CNY HKD TWD KRW SGD THB MYR IDR PHP VND INR AED SAR"
        " QAR KWD ILS CAD AUD NZD MXN BRL ARS CLP COP PEN";
    for (size_t i = 0; i < sizeof codes - 1; i += 4)
        if (str_ieq(s, (struct str){codes + i, 3})) {
            memcpy(currency, codes + i, 3);
            currency[3] = 0;
            return true;
        }
    return false;
}

/* Length of a separator of thousands at the front (blank, no-break blanks, apostrophes), 0 if none. */
static size_t thousands(struct str s)
{
    static const char *const marks[] = {"\xc2\xa0", "\xe2\x80\xaf", "\xe2\x80\x89", "\xe2\x80\x99", " ", "'"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (str_starts(s, str_of(marks[i]))) return strlen(marks[i]);
    return 0;
}

bool catalog_parse_price(struct str s, int64_t *cents, char currency[static 4])
{
    char digits[32], code[4];
    size_t n = 0, from = 0, dots = 0, commas = 0, last = SIZE_MAX, i;
    memcpy(code, currency, 4);
    while (from < s.n && !is_digit(s.p[from]))
        from++;
    if (from == s.n) return false;
    struct str before = str_sub(s, 0, from);
    for (i = from; i < s.n;) {
        char c = s.p[i];
        if (is_digit(c)) {
            if (n >= sizeof digits - 3) return false;
            digits[n++] = c;
            i++;
            continue;
        }
        size_t gap = c == '.' || c == ',' ? 1 : thousands(str_sub(s, i, s.n));
        if (!gap || i + gap >= s.n || !is_digit(s.p[i + gap])) break;
        if (c == '.' || c == ',') {
            dots += c == '.';
            commas += c == ',';
            last = n;
        }
        i += gap;
    }
    if (i < s.n && (s.p[i] == '.' || s.p[i] == ',')) i++; /* "12," and "12.- " */
    if (i < s.n && s.p[i] == '-') i++;
    struct str after = str_sub(s, i, s.n);
    if (before.n && str_trim(after).n) return false;
    if (!take_currency(before, code) || !take_currency(after, code)) return false;
    size_t decimals = last == SIZE_MAX ? 0 : n - last;
    if (dots + commas > 1 && !(dots && commas))
        decimals = decimals == 3 ? 0 : decimals;
    else if (dots + commas == 1 && decimals == 3)
        decimals = 0;
    if ((dots > 1 && commas > 1) || (decimals && dots + commas > 1 && !(dots && commas))) return false;
    int64_t value = 0;
    for (size_t k = 0; k < n - decimals + 2; k++) {
        if (value > INT64_C(10000000000)) return false;
        value = value * 10 + (k < n ? digits[k] - '0' : 0);
    }
    if (decimals > 2 && digits[n - decimals + 2] >= '5') value++;
    if (value > INT64_C(100000000000)) return false;
    *cents = value;
    memcpy(currency, code, 4);
    return true;
}

/* ---- periods ---- */

/* One end of a period: ISO 8601 as retailers write it, brought to the form that the clock reads. */
static bool parse_instant(struct str s, int64_t *ms, bool *day_only)
{
    char text[40];
    s = str_trim(s);
    *day_only = s.n == 10;
    if (*day_only) return clock_parse(s, ms);
    if (s.n < 16 || (s.p[10] != 'T' && s.p[10] != 't' && s.p[10] != ' ')) return false;
    struct str date = str_sub(s, 0, 10), time = str_sub(s, 11, 5), zone = str_sub(s, 16, s.n);
    struct str seconds = STR(":00");
    if (zone.n >= 3 && zone.p[0] == ':') {
        seconds = str_sub(zone, 0, 3);
        zone = str_sub(zone, 3, zone.n);
    }
    zone = str_trim(zone);
    bool offset = zone.n >= 3 && (zone.p[0] == '+' || zone.p[0] == '-');
    struct str minutes = !offset       ? STR("")
                         : zone.n == 3 ? STR("00")
                         : zone.n == 5 ? str_sub(zone, 3, 2)
                         : zone.n == 6 ? str_sub(zone, 4, 2)
                                       : STR("?");
    if (!offset && zone.n && !str_ieqz(zone, "z")) return false;
    if (offset)
        snprintf(text, sizeof text, "%.*sT%.*s%.*s%.3s:%.*s", STR_ARG(date), STR_ARG(time), STR_ARG(seconds),
                 zone.p, STR_ARG(minutes));
    else
        snprintf(text, sizeof text, "%.*sT%.*s%.*sZ", STR_ARG(date), STR_ARG(time), STR_ARG(seconds));
    return clock_parse(str_of(text), ms);
}

bool catalog_parse_period(struct str s, int64_t *from_ms, int64_t *until_ms)
{
    struct str end = s, start = str_split(&end, '/');
    bool day_only;
    int64_t from, until;
    if (!end.p || !parse_instant(start, &from, &day_only) || !parse_instant(end, &until, &day_only))
        return false;
    if (day_only) until += 24 * 3600 * 1000;
    if (from < 0 || until <= from) return false;
    *from_ms = from;
    *until_ms = until;
    return true;
}

/* ---- availability ---- */

const char *catalog_parse_availability(struct str s)
{
    static const struct {
        const char *word, *name;
    } words[] = {
        {"in_stock", "in_stock"},
        {"instock", "in_stock"},
        {"available", "in_stock"},
        {"en_stock", "in_stock"},
        {"disponible", "in_stock"},
        {"yes", "in_stock"},
        {"oui", "in_stock"},
        {"true", "in_stock"},
        {"1", "in_stock"},
        {"limited_availability", "in_stock"},
        {"https://schema.org/instock", "in_stock"},
        {"http://schema.org/instock", "in_stock"},
        {"out_of_stock", "out_of_stock"},
        {"outofstock", "out_of_stock"},
        {"sold_out", "out_of_stock"},
        {"soldout", "out_of_stock"},
        {"unavailable", "out_of_stock"},
        {"en_rupture", "out_of_stock"},
        {"rupture", "out_of_stock"},
        {"rupture_de_stock", "out_of_stock"},
        {"epuise", "out_of_stock"},
        {"indisponible", "out_of_stock"},
        {"no", "out_of_stock"},
        {"non", "out_of_stock"},
        {"false", "out_of_stock"},
        {"0", "out_of_stock"},
        {"discontinued", "out_of_stock"},
        {"https://schema.org/outofstock", "out_of_stock"},
        {"http://schema.org/outofstock", "out_of_stock"},
        {"preorder", "preorder"},
        {"pre_order", "preorder"},
        {"precommande", "preorder"},
        {"en_precommande", "preorder"},
        {"backorder", "backorder"},
        {"back_order", "backorder"},
        {"available_for_order", "backorder"},
        {"sur_commande", "backorder"},
    };
    char folded[64];
    size_t n = 0;
    s = str_trim(s);
    uint32_t cp;
    while ((cp = str_utf8_next(&s)) != 0 && n + 1 < sizeof folded) {
        if (cp == 0xe9 || cp == 0xc9) cp = 'e';
        if (cp >= 'A' && cp <= 'Z') cp |= 0x20;
        folded[n++] = cp == ' ' || cp == '-' ? '_' : cp < 0x80 ? (char)cp : '?';
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_eqz((struct str){folded, n}, words[i].word)) return words[i].name;
    return NULL;
}

/* ---- text ---- */

static const struct {
    const char *name;
    uint16_t cp;
} entities[] = {
    {"amp", '&'},       {"lt", '<'},       {"gt", '>'},        {"quot", '"'},      {"apos", '\''},
    {"nbsp", 0xa0},     {"iexcl", 0xa1},   {"cent", 0xa2},     {"pound", 0xa3},    {"yen", 0xa5},
    {"sect", 0xa7},     {"copy", 0xa9},    {"laquo", 0xab},    {"reg", 0xae},      {"deg", 0xb0},
    {"plusmn", 0xb1},   {"sup2", 0xb2},    {"sup3", 0xb3},     {"acute", 0xb4},    {"micro", 0xb5},
    {"para", 0xb6},     {"middot", 0xb7},  {"sup1", 0xb9},     {"ordm", 0xba},     {"raquo", 0xbb},
    {"frac14", 0xbc},   {"frac12", 0xbd},  {"frac34", 0xbe},   {"iquest", 0xbf},   {"Agrave", 0xc0},
    {"Aacute", 0xc1},   {"Acirc", 0xc2},   {"Atilde", 0xc3},   {"Auml", 0xc4},     {"Aring", 0xc5},
    {"AElig", 0xc6},    {"Ccedil", 0xc7},  {"Egrave", 0xc8},   {"Eacute", 0xc9},   {"Ecirc", 0xca},
    {"Euml", 0xcb},     {"Igrave", 0xcc},  {"Iacute", 0xcd},   {"Icirc", 0xce},    {"Iuml", 0xcf},
    {"ETH", 0xd0},      {"Ntilde", 0xd1},  {"Ograve", 0xd2},   {"Oacute", 0xd3},   {"Ocirc", 0xd4},
    {"Otilde", 0xd5},   {"Ouml", 0xd6},    {"times", 0xd7},    {"Oslash", 0xd8},   {"Ugrave", 0xd9},
    {"Uacute", 0xda},   {"Ucirc", 0xdb},   {"Uuml", 0xdc},     {"Yacute", 0xdd},   {"szlig", 0xdf},
    {"agrave", 0xe0},   {"aacute", 0xe1},  {"acirc", 0xe2},    {"atilde", 0xe3},   {"auml", 0xe4},
    {"aring", 0xe5},    {"aelig", 0xe6},   {"ccedil", 0xe7},   {"egrave", 0xe8},   {"eacute", 0xe9},
    {"ecirc", 0xea},    {"euml", 0xeb},    {"igrave", 0xec},   {"iacute", 0xed},   {"icirc", 0xee},
    {"iuml", 0xef},     {"eth", 0xf0},     {"ntilde", 0xf1},   {"ograve", 0xf2},   {"oacute", 0xf3},
    {"ocirc", 0xf4},    {"otilde", 0xf5},  {"ouml", 0xf6},     {"divide", 0xf7},   {"oslash", 0xf8},
    {"ugrave", 0xf9},   {"uacute", 0xfa},  {"ucirc", 0xfb},    {"uuml", 0xfc},     {"yacute", 0xfd},
    {"yuml", 0xff},     {"OElig", 0x152},  {"oelig", 0x153},   {"Scaron", 0x160},  {"scaron", 0x161},
    {"ndash", 0x2013},  {"mdash", 0x2014}, {"lsquo", 0x2018},  {"rsquo", 0x2019},  {"sbquo", 0x201a},
    {"ldquo", 0x201c},  {"rdquo", 0x201d}, {"bdquo", 0x201e},  {"bull", 0x2022},   {"hellip", 0x2026},
    {"prime", 0x2032},  {"Prime", 0x2033}, {"lsaquo", 0x2039}, {"rsaquo", 0x203a}, {"euro", 0x20ac},
    {"trade", 0x2122},  {"shy", 0xad},     {"zwnj", 0x200c},   {"ensp", 0x2002},   {"emsp", 0x2003},
    {"thinsp", 0x2009},
};

static uint32_t entity(struct str name)
{
    uint32_t cp = 0;
    if (name.n > 1 && name.p[0] == '#') {
        bool hex = name.p[1] == 'x' || name.p[1] == 'X';
        struct str d = str_sub(name, hex ? 2 : 1, name.n);
        if (!d.n || d.n > 7) return 0;
        for (size_t i = 0; i < d.n; i++) {
            char c = d.p[i], low = (char)(c | 0x20);
            uint32_t v = is_digit(c)                       ? (uint32_t)(c - '0')
                         : hex && low >= 'a' && low <= 'f' ? (uint32_t)(low - 'a' + 10)
                                                           : 99;
            if (v > 15) return 0;
            cp = cp * (hex ? 16 : 10) + v;
        }
        return cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff) ? 0xfffd : cp;
    }
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++)
        if (str_eqz(name, entities[i].name)) return entities[i].cp;
    return 0;
}

bool catalog_entity(struct str name, struct buf *out)
{
    char utf8[4];
    uint32_t cp = entity(name);
    if (!cp) return false;
    buf_add_bytes(out, utf8, str_utf8_put(cp, utf8));
    return true;
}

/* Bytes of a tag at the front of s (which begins with '<'), 0 if it is just a sign. The content of scripts
 * and styles goes with them. *unclosed: there is no '>' behind it, nor behind any later '<'. */
static size_t tag(struct str s, bool *unclosed)
{
    if (s.n < 3) return 0;
    if (str_starts(s, STR("<!--"))) {
        size_t end = str_find(s, STR("-->"));
        return end == SIZE_MAX ? s.n : end + 3;
    }
    if (!is_letter(s.p[1]) && s.p[1] != '/' && s.p[1] != '!') return 0;
    size_t end = *unclosed ? SIZE_MAX : str_chr(s, '>');
    *unclosed = end == SIZE_MAX;
    if (*unclosed) return 0;
    for (int k = 0; k < 2; k++) {
        struct str open = k ? STR("<style") : STR("<script"), close = k ? STR("</style") : STR("</script");
        if (s.n <= open.n || !str_ieq(str_sub(s, 0, open.n), open)) continue;
        for (size_t i = end; i + close.n <= s.n; i++)
            if (s.p[i] == '<' && str_ieq(str_sub(s, i, close.n), close)) return i;
        return s.n;
    }
    return end + 1;
}

/* Appends one code point; blanks and control characters become one blank between words. */
static void text_put(struct buf *out, size_t start, bool *blank, uint32_t cp)
{
    char utf8[4];
    if (cp <= ' ' || cp == 0x7f || cp == 0xa0 || (cp >= 0x80 && cp < 0xa0) || cp == 0x2028 || cp == 0x2029) {
        *blank = out->n > start;
        return;
    }
    if (cp == 0xad || cp == 0xfeff || (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x202a && cp <= 0x202e)) return;
    if (*blank) buf_addc(out, ' ');
    *blank = false;
    buf_add_bytes(out, utf8, str_utf8_put(cp, utf8));
}

void catalog_clean_text(struct str s, struct buf *out)
{
    size_t start = out->n;
    bool blank = false, unclosed = false;
    while (s.n) {
        if (s.p[0] == '<') {
            size_t n = tag(s, &unclosed);
            if (n) {
                blank = out->n > start;
                s = str_sub(s, n, s.n);
                continue;
            }
        } else if (s.p[0] == '&') {
            size_t end = str_chr(str_sub(s, 0, 12), ';');
            uint32_t cp = end == SIZE_MAX ? 0 : entity(str_sub(s, 1, end - 1));
            if (cp) {
                text_put(out, start, &blank, cp);
                s = str_sub(s, end + 1, s.n);
                continue;
            }
        }
        text_put(out, start, &blank, str_utf8_next(&s));
    }
}
