/* The feed readers: every format, every encoding, and what is broken in the wild. */
#include "base/buf.h"
#include "base/clock.h"
#include "catalog/feed_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { MAX_ROWS = 64 };

struct seen {
    struct buf rows;     /* "line:id|title|price|..." lines */
    struct buf problems; /* "line:field:reason" lines */
    size_t n_rows, n_problems;
    char format[32];
    enum rc rc;
    struct err err;
};

static void on_problem(void *ctx, int64_t line, struct str id, const char *field, const char *reason,
                       struct str value)
{
    struct seen *s = ctx;
    (void)id;
    (void)value;
    s->n_problems++;
    buf_addf(&s->problems, "%lld:%s:%s\n", (long long)line, field ? field : "", reason);
}

static void note(struct seen *s, const struct catalog_feed_row *row)
{
    s->n_rows++;
    buf_addf(&s->rows, "%lld", (long long)row->line);
    for (int f = 0; f < CATALOG_FIELDS; f++)
        if (row->value[f].p)
            buf_addf(&s->rows, " %s=%.*s", catalog_field_name((enum catalog_field)f), STR_ARG(row->value[f]));
    for (size_t i = 0; i < row->n_extra; i++)
        buf_addf(&s->rows, " +%.*s=%.*s", STR_ARG(row->extra_names[i]), STR_ARG(row->extra_values[i]));
    buf_addc(&s->rows, '\n');
}

static void read_feed(struct str bytes, const char *columns, struct seen *s)
{
    *s = (struct seen){.rows = BUF_INIT((size_t)64 << 20), .problems = BUF_INIT((size_t)1 << 20)};
    struct catalog_feed_options options = {.columns = columns, .problem = on_problem, .problem_ctx = s};
    struct catalog_feed *feed = NULL;
    struct catalog_feed_row row;
    bool more = true;
    s->rc = catalog_feed_open_memory(bytes, &options, &feed, &s->err);
    if (!s->rc) snprintf(s->format, sizeof s->format, "%s", catalog_feed_format(feed));
    while (!s->rc && more) {
        s->rc = catalog_feed_next(feed, &row, &more, &s->err);
        if (!s->rc && more) note(s, &row);
    }
    catalog_feed_close(feed);
}

static void done(struct seen *s)
{
    buf_release(&s->rows);
    buf_release(&s->problems);
}

static void expect(const char *feed, const char *rows, const char *problems)
{
    struct seen s;
    read_feed(str_of(feed), NULL, &s);
    assert_int_equal(s.rc, RC_OK);
    assert_string_equal(s.rows.p, rows);
    assert_string_equal(s.problems.p, problems);
    done(&s);
}

static void google_text(void **state)
{
    (void)state;
    expect("id\ttitle\timage link\tg:price\tcustom_label_0\n"
           "1\tRobe\ta.jpg\t12,90 EUR\tsoldes\n\n"
           "2\tJupe\t\t\t\n",
           "2 id=1 title=Robe image_link=a.jpg price=12,90 EUR +custom_label_0=soldes\n"
           "4 id=2 title=Jupe\n",
           "");
    expect(
        "id,title,price\r\n1,\"Robe, longue\",5\r\n2,\"dite \"\"la belle\"\"\",6\r\n3,\"sur\r\ndeux lignes\",7",
        "2 id=1 title=Robe, longue price=5\n3 id=2 title=dite \"la belle\" price=6\n"
        "4 id=3 title=sur\r\ndeux lignes price=7\n",
        "");
    expect("id;title;price\r1;Robe;5\r2;Jupe;6\r", "2 id=1 title=Robe price=5\n3 id=2 title=Jupe price=6\n",
           "");
    expect("id|title|price\n1|Robe|5\n", "2 id=1 title=Robe price=5\n", "");
    expect("sep=;\nid;title;price\n1;Robe, Bleue;5\n", "3 id=1 title=Robe, Bleue price=5\n", "");
    /* French headings; the field's own name comes first, the other one is kept */
    expect("R\xc3\xa9"
           "f\xc3\xa9rence;Titre;Prix TTC;Couleur;color\n7;Pull;9;bleu;blue\n",
           "2 id=7 title=Pull price=9 color=blue +Couleur=bleu\n", "");
}

static void broken_quotes(void **state)
{
    (void)state;
    /* never closed: the row itself is saved when its columns fit, and nothing is swallowed */
    expect("id,title,price\n1,\"Robe,5\n2,Jupe,6\n3,Pull,7\n",
           "2 id=1 title=Robe price=5\n3 id=2 title=Jupe price=6\n4 id=3 title=Pull price=7\n", "");
    /* a later row's quotes would close it */
    expect("id,title,price\n1,\"Robe,5\n2,\"Jupe\",6\n3,\"Pull\",7\n",
           "2 id=1 title=Robe price=5\n3 id=2 title=Jupe price=6\n4 id=3 title=Pull price=7\n", "");
    /* one comma too many in the broken row: it is refused alone */
    expect("id,title,price\n1,\"Robe, longue,5\n2,\"Jupe\",6\n3,Pull,7\n",
           "3 id=2 title=Jupe price=6\n4 id=3 title=Pull price=7\n", "2::a quote is not closed\n");
    /* inches, and a quote inside a quoted field */
    expect(
        "id\ttitle\tprice\n1\t15\" bag\t5\n2\t\"17\" bag\t6\n3\t\"the \"best\" one\"\t7\n",
        "2 id=1 title=15\" bag price=5\n3 id=2 title=17\" bag price=6\n4 id=3 title=the \"best\" one price=7\n",
        "");
    /* real fields of several lines still work */
    expect("id,title,description\n1,A,\"x\ny\n\nz\"\n2,B,c\n",
           "2 id=1 title=A description=x\ny\n\nz\n6 id=2 title=B description=c\n", "");
}

static void wrong_counts(void **state)
{
    (void)state;
    expect("id,title,price,brand\n1,A,5,x,y\n2,B\n3,C,7\n4,D,8,z,,\n",
           "4 id=3 title=C price=7\n5 id=4 title=D price=8 brand=z\n",
           "2::the row has more fields than the header\n3::the row has fewer fields than the header\n");
}

static void no_header(void **state)
{
    (void)state;
    struct seen s;
    const struct {
        const char *feed, *columns, *part;
    } cases[] = {{"", NULL, "empty"},
                 {" \n\n", NULL, "empty"},
                 {"foo,bar\n1,2\n", NULL, "foo, bar"},
                 {"id,bar\n1,2\n", NULL, "--columns title=NAME"},
                 {"id,title\n1,2\n", "nonsense=id", "not a field of ours"},
                 {"id,title\n1,2\n", "price=prix", "no column \"prix\""},
                 {"<html><body>no feed</body></html>", NULL, "no <item>"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        read_feed(str_of(cases[i].feed), cases[i].columns, &s);
        assert_int_equal(s.rc, RC_INVALID);
        assert_non_null(strstr(s.err.message, cases[i].part));
        done(&s);
    }
}

static void named_columns(void **state)
{
    (void)state;
    struct seen s;
    read_feed(STR("Code;Intitul\xc3\xa9 court;PV;title\n9;Manteau;120;x\n"),
              "id=Code,title=intitule court,price=PV", &s);
    assert_int_equal(s.rc, RC_OK);
    assert_string_equal(s.rows.p, "2 id=9 title=Manteau price=120 +title=x\n");
    done(&s);
}

static void utf16(const char *ascii, bool big, bool mark, struct buf *out)
{
    if (mark) buf_addz(out, big ? "\xfe\xff" : "\xff\xfe");
    for (const char *p = ascii; *p; p++) {
        uint16_t u = (uint8_t)*p == 0xe9 ? 0xe9 : (uint8_t)*p;
        if (*p == '~') { /* a pair of surrogates: U+1F457, a dress */
            const char pair[] = {'\x3d', '\xd8', '\x57', '\xdc'};
            for (int i = 0; i < 4; i++)
                buf_addc(out, pair[big ? i ^ 1 : i]);
            continue;
        }
        buf_addc(out, big ? (char)(u >> 8) : (char)u);
        buf_addc(out, big ? (char)u : (char)(u >> 8));
    }
}

static void encodings(void **state)
{
    (void)state;
    struct seen s;
    static const char want[] = "2 id=1 title=Robe d'\xc3\xa9t\xc3\xa9 price=5\n";
    read_feed(STR("\xef\xbb\xbf"
                  "id,title,price\n1,Robe d'\xc3\xa9t\xc3\xa9,5\n"),
              NULL, &s);
    assert_string_equal(s.rows.p, want);
    done(&s);
    read_feed(STR("id,title,price\n1,Robe d'\xe9t\xe9,5\n"), NULL, &s);
    assert_string_equal(s.rows.p, want);
    done(&s);
    read_feed(STR("id,title,price\n1,12 \x80 l\x92"
                  "ann\xe9"
                  "e,5\n"),
              NULL, &s);
    assert_string_equal(s.rows.p, "2 id=1 title=12 \xe2\x82\xac l\xe2\x80\x99"
                                  "ann\xc3\xa9"
                                  "e price=5\n");
    done(&s);
    /* UTF-8 with one stray byte stays UTF-8 */
    read_feed(STR("id,title,price\n1,\xc3\xa9t\xc3\xa9 caf\xe9,5\n"), NULL, &s);
    assert_string_equal(s.rows.p, "2 id=1 title=\xc3\xa9t\xc3\xa9 caf\xc3\xa9 price=5\n");
    done(&s);
    for (int i = 0; i < 4; i++) {
        struct buf b = BUF_INIT((size_t)4096);
        utf16("id,title,price\n1,Robe ~,5\n", i & 1, i & 2, &b);
        read_feed(buf_str(&b), NULL, &s);
        assert_int_equal(s.rc, RC_OK);
        assert_string_equal(s.rows.p, "2 id=1 title=Robe \xf0\x9f\x91\x97 price=5\n");
        done(&s);
        buf_release(&b);
    }
    /* NULs are left out */
    read_feed((struct str){"id,title,price\n1,Ro\0be,5\n", 25}, NULL, &s);
    assert_string_equal(s.rows.p, "2 id=1 title=Robe price=5\n");
    done(&s);
}

static void long_things(void **state)
{
    (void)state;
    struct seen s;
    struct buf b = BUF_INIT((size_t)200 << 20);
    char *ten = malloc(10 << 20);
    memset(ten, 'x', 10 << 20);
    /* 10 MB in a field, with and without quotes; then a row that must come through */
    buf_addz(&b, "id,title,price\n1,");
    buf_add_bytes(&b, ten, 10 << 20);
    buf_addz(&b, ",5\n2,\"");
    buf_add_bytes(&b, ten, 10 << 20);
    buf_addz(&b, "\",5\n3,Jupe,6\n");
    read_feed(buf_str(&b), NULL, &s);
    assert_int_equal(s.rc, RC_OK);
    assert_string_equal(s.rows.p, "4 id=3 title=Jupe price=6\n");
    assert_string_equal(s.problems.p, "2::a field is longer than 1 MiB\n3::a field is longer than 1 MiB\n");
    done(&s);
    /* a record beyond the limit */
    buf_reset(&b);
    buf_addz(&b, "id,title,price\n1,");
    for (int i = 0; i < 4; i++)
        buf_add_bytes(&b, ten, 10 << 20);
    buf_addz(&b, "\n3,Jupe,6\n");
    read_feed(buf_str(&b), NULL, &s);
    assert_string_equal(s.rows.p, "3 id=3 title=Jupe price=6\n");
    assert_int_equal(s.n_problems, 1);
    done(&s);
    /* 100,000 columns: in a row, and in the header */
    buf_reset(&b);
    buf_addz(&b, "id,title,price\n1");
    for (int i = 0; i < 100000; i++)
        buf_addz(&b, ",a");
    buf_addz(&b, "\n2,Jupe,6\n");
    read_feed(buf_str(&b), NULL, &s);
    assert_string_equal(s.rows.p, "3 id=2 title=Jupe price=6\n");
    assert_string_equal(s.problems.p, "2::the row has more than 4096 fields\n");
    done(&s);
    buf_reset(&b);
    buf_addz(&b, "id,title");
    for (int i = 0; i < 100000; i++)
        buf_addz(&b, ",a");
    read_feed(buf_str(&b), NULL, &s);
    assert_int_equal(s.rc, RC_INVALID);
    assert_non_null(strstr(s.err.message, "100002 columns"));
    done(&s);
    buf_release(&b);
    free(ten);
}

/* Broken quotes in every row must not make reading quadratic. */
static void hostile_quotes(void **state)
{
    (void)state;
    struct seen s;
    struct buf b = BUF_INIT((size_t)64 << 20);
    buf_addz(&b, "id,title,price\n");
    for (int i = 0; i < 20000; i++)
        buf_addf(&b, "%d,\"a\"b,c,\"\n", i);
    read_feed(buf_str(&b), NULL, &s);
    assert_int_equal(s.rc, RC_OK);
    done(&s);
    buf_release(&b);
}

/* Bytes that the reader went over, of a feed that repeats `line` up to some 4 MB, then `tail`. */
static double work_per_byte(const char *head, const char *line, const char *tail)
{
    struct err err = {0};
    struct buf b = BUF_INIT((size_t)64 << 20);
    struct catalog_text *text = calloc(1, sizeof *text);
    struct catalog_feed_row row;
    bool more = true;
    buf_addz(&b, head);
    while (b.n < (size_t)4 << 20)
        buf_addz(&b, line);
    buf_addz(&b, tail);
    assert_int_equal(catalog_text_open_memory(text, buf_str(&b), &err), RC_OK);
    if (head[0] == '<') {
        struct catalog_xml *x = NULL;
        assert_int_equal(catalog_xml_create(text, NULL, NULL, &x, &err), RC_OK);
        while (more && !catalog_xml_next(x, &row, &more, &err))
            continue;
        catalog_xml_destroy(x);
    } else {
        struct catalog_delimited *d = calloc(1, sizeof *d);
        d->text = text;
        d->delimiter = ',';
        d->values = BUF_INIT((size_t)64 << 20);
        while (more && !catalog_delimited_next(d, &more, &err))
            if (!d->expected) d->expected = d->needed = d->n;
        buf_release(&d->values);
        free(d);
    }
    assert_int_equal(text->read_bytes, b.n);
    double per_byte = (double)text->looked / (double)b.n;
    catalog_text_close(text);
    free(text);
    buf_release(&b);
    return per_byte;
}

/* Whatever a feed does, each of its bytes is looked at a few times and no more. */
static void hostile_is_linear(void **state)
{
    (void)state;
    static const struct {
        const char *head, *line, *tail;
    } feeds[] = {
        {"id,title,price\n", "\"\"x\n", ""},             /* opens, and is never closed */
        {"id,title,price\n", "\"\"x\n", "\"\n1,2,3\n"},  /* all are closed at the very end, which fits none */
        {"id,title,price\n", "\"\"x\n", "\"y\n1,2,3\n"}, /* the end looks like another field's beginning */
        {"id,title\n", "\"\"x\n", "\",y\n"},             /* the first record swallows all, and fits */
        {"id,title,price\n", "a,\"\",\"\"x\n", "\""},    /* in the midst of a row */
        {"id,title\n", "b\",\"a\n", ""},                 /* each field closes, in the next line */
        {"id,title,price\n", "\",\"\n", ""},
        {"id,title,price\n", "\"\"x\r", "\""},
        {"<rss>", "<!--", ""},
        {"<rss>", "<item><!--", "</item>"},
        {"<rss>", "<![CDATA[", "<item/>"},
        {"<rss>", "<!-- <![CDATA[ ", "]]>"},
        {"<rss>", "<item></item ", ""},
        {"<rss>", "<item><entry>", ""},
        {"<rss>", "<item></entry>", "<!-- "},
    };
    for (size_t i = 0; i < sizeof feeds / sizeof *feeds; i++) {
        double work = work_per_byte(feeds[i].head, feeds[i].line, feeds[i].tail);
        if (work > 6) fail_msg("%s: %.1f looks at a byte", feeds[i].line, work);
    }
}

static void xml_rss(void **state)
{
    (void)state;
    expect("<?xml version=\"1.0\"?><rss xmlns:g=\"http://base.google.com/ns/1.0\" version=\"2.0\"><channel>"
           "<title>Shop</title>\n"
           "<item><g:id>1</g:id><title>RSS title</title><g:title>Robe &amp; Cie &eacute;t&#233;</g:title>"
           "<g:shipping><g:price>4 EUR</g:price></g:shipping><g:price>12 EUR</g:price>"
           "<g:additional_image_link>b.jpg</g:additional_image_link>"
           "<g:additional_image_link>c.jpg</g:additional_image_link><g:custom_label_0>x</g:custom_label_0></"
           "item>\n"
           "<!-- <item><g:id>9</g:id></item> -->"
           "<item><g:id>2</g:id><g:title><![CDATA[Jupe </item> <b>]]></g:title></item></channel></rss>",
           "2 id=1 title=Robe & Cie \xc3\xa9t\xc3\xa9 additional_image_link=b.jpg,c.jpg price=12 EUR "
           "+custom_label_0=x\n"
           "3 id=2 title=Jupe </item> <b>\n",
           "");
}

static void xml_atom(void **state)
{
    (void)state;
    expect("<feed xmlns=\"http://www.w3.org/2005/Atom\" xmlns:g=\"http://base.google.com/ns/1.0\">"
           "<entry><g:id>1</g:id><title>Robe</title><link rel=\"self\" href=\"https://x/self\"/>"
           "<link "
           "href=\"https://x/1\"/><summary>Longue</summary><g:image_link>a.jpg</g:image_link></entry></feed>",
           "1 id=1 title=Robe description=Longue link=https://x/1 image_link=a.jpg\n", "");
}

static void xml_broken(void **state)
{
    (void)state;
    struct seen s;
    read_feed(STR("<rss><channel>\n<item><g:id>1</g:id><title>a & b</title></item>\n"
                  "<item><g:id>2</g:id><title>x</item>\n"
                  "<item><g:id>3</g:id><title>no end</title>\n"
                  "<item><g:id>4</g:id><title>ok</title></item>\n"
                  "<item><g:id>5</g:id><title>&#xD800;&nbsp;&unknown;z</title></item>\n"
                  "<item><g:id>6</g:id><title><![CDATA[never closed</title></item>\n"),
              NULL, &s);
    assert_int_equal(s.rc, RC_OK);
    assert_non_null(strstr(s.rows.p, "5 id=4 title=ok\n"));
    assert_true(s.n_problems >= 4);
    assert_null(strstr(s.rows.p, "id=2"));
    done(&s);
    /* a DTD is never read: its entities do not exist */
    read_feed(STR("<!DOCTYPE r [<!ENTITY a \"aaaa\"><!ENTITY b "
                  "\"&a;&a;\">]><r><item><id>1</id><title>x&b;y</title></item></r>"),
              NULL, &s);
    assert_string_equal(s.rows.p, "1 id=1 title=xy\n");
    done(&s);
}

static void shopify_old(void **state)
{
    (void)state;
    struct seen s;
    read_feed(STR("Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 "
                  "Name,Option2 Value,"
                  "Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory "
                  "Policy,Variant Price,"
                  "Variant Compare At Price,Image Src,Image Position,Variant Image,Status,My Column\n"
                  "robe,Robe,<p>Belle</p>,Maison,Robes,\"a, "
                  "b\",TRUE,Couleur,Bleu,Taille,S,R-B-S,shopify,3,deny,40.00,50.00,"
                  "https://x/1.jpg,1,https://x/v.jpg,active,extra\n"
                  "robe,,,,,,,,Bleu,,M,R-B-M,shopify,0,deny,40.00,,https://x/2.jpg,2,,,\n"
                  "robe,,,,,,,,,,,,,,,,,https://x/3.jpg,3,,,\n"
                  "sac,Sac,,,,,true,Title,Default Title,,,,,,,10,,,,,active,\n"
                  "vieux,Vieux,,,,,true,Title,Default Title,,,,,,,10,,,,,draft,\n"),
              NULL, &s);
    assert_int_equal(s.rc, RC_OK);
    assert_string_equal(s.format, "shopify");
    assert_string_equal(
        s.rows.p,
        "2 id=R-B-S title=Robe description=<p>Belle</p> image_link=https://x/v.jpg"
        " additional_image_link=https://x/1.jpg,https://x/2.jpg,https://x/3.jpg price=50.00"
        " sale_price=40.00 brand=Maison product_type=Robes color=Bleu size=S item_group_id=robe quantity=3"
        " +My Column=extra +tags=a, b\n"
        "3 id=R-B-M title=Robe description=<p>Belle</p> image_link=https://x/1.jpg"
        " additional_image_link=https://x/2.jpg,https://x/3.jpg price=40.00"
        " brand=Maison product_type=Robes color=Bleu size=M item_group_id=robe quantity=0"
        " +My Column=extra +tags=a, b\n"
        "5 id=sac title=Sac price=10 item_group_id=sac\n");
    assert_string_equal(s.problems.p, "6:status:the product is not active in the shop\n");
    done(&s);
}

static void shopify_new(void **state)
{
    (void)state;
    struct seen s;
    read_feed(STR("Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online "
                  "store,Status,SKU,Barcode,"
                  "Option1 name,Option1 value,Price,Compare-at price,Inventory tracker,Inventory quantity,"
                  "Continue selling when out of stock,Product image URL,Image position,Variant image URL\n"
                  "Pull,pull,Chaud,Maison,Apparel & Accessories > "
                  "Clothing,Pulls,,TRUE,Active,,123,Size,L,30,,shopify,0,TRUE,"
                  "https://x/1.jpg,1,\n"
                  ",pull,,,,,,,,,456,,XL,30,,shopify,2,FALSE,,,\n"),
              NULL, &s);
    assert_int_equal(s.rc, RC_OK);
    assert_string_equal(
        s.rows.p, "2 id=pull-L title=Pull description=Chaud image_link=https://x/1.jpg price=30 brand=Maison"
                  " product_type=Pulls google_product_category=Apparel & Accessories > Clothing size=L"
                  " item_group_id=pull gtin=123\n"
                  "3 id=pull-XL title=Pull description=Chaud image_link=https://x/1.jpg price=30 brand=Maison"
                  " product_type=Pulls google_product_category=Apparel & Accessories > Clothing size=XL"
                  " item_group_id=pull gtin=456 quantity=2\n");
    done(&s);
}

static void prices(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int64_t cents;
        const char *currency;
    } cases[] = {{"12.50", 1250, "EUR"},
                 {"12,5", 1250, "EUR"},
                 {"12", 1200, "EUR"},
                 {"1 299,90 EUR", 129990, "EUR"},
                 {"1\xc2\xa0"
                  "299,90 \xe2\x82\xac",
                  129990, "EUR"},
                 {"\xe2\x82\xac"
                  "12.50",
                  1250, "EUR"},
                 {"12.50 USD", 1250, "USD"},
                 {"USD 12.50", 1250, "USD"},
                 {"$12.50", 1250, "USD"},
                 {"\xc2\xa3"
                  "9.99",
                  999, "GBP"},
                 {"19,9", 1990, "EUR"},
                 {"1,299.50", 129950, "EUR"},
                 {"1.299,50", 129950, "EUR"},
                 {"1,299", 129900, "EUR"},
                 {"1.299", 129900, "EUR"},
                 {"1.299.000", 129900000, "EUR"},
                 {"1'299.50 CHF", 129950, "CHF"},
                 {"0", 0, "EUR"},
                 {"12.-", 1200, "EUR"},
                 {"9.999,999", 1000000, "EUR"},
                 {"12 euros", 1200, "EUR"},
                 {"1\xe2\x80\xaf"
                  "299",
                  129900, "EUR"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char currency[4] = "EUR";
        int64_t cents = -1;
        if (!catalog_parse_price(str_of(cases[i].text), &cents, currency))
            fail_msg("\"%s\" was refused", cases[i].text);
        if (cents != cases[i].cents) fail_msg("\"%s\" gave %lld", cases[i].text, (long long)cents);
        assert_string_equal(currency, cases[i].currency);
    }
    static const char *const bad[] = {"",      "free",      "-5",          "12 apples",
                                      "1.2.3", "EUR 5 EUR", "1,2,3.4.5",   "99999999999999",
                                      "abc12", "12 13,5x",  "\xe2\x82\xac"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char currency[4] = "EUR";
        int64_t cents = -1;
        if (catalog_parse_price(str_of(bad[i]), &cents, currency))
            fail_msg("\"%s\" gave %lld", bad[i], (long long)cents);
        assert_string_equal(currency, "EUR");
    }
}

static void availability(void **state)
{
    (void)state;
    assert_string_equal(catalog_parse_availability(STR("In Stock")), "in_stock");
    assert_string_equal(catalog_parse_availability(STR("\xc3\x89puis\xc3\xa9")), "out_of_stock");
    assert_string_equal(catalog_parse_availability(STR("rupture de stock")), "out_of_stock");
    assert_string_equal(catalog_parse_availability(STR("pre-order")), "preorder");
    assert_null(catalog_parse_availability(STR("perhaps")));
}

static void periods(void **state)
{
    (void)state;
    static const struct {
        const char *text, *from, *until; /* NULL: none */
    } cases[] = {
        {"2016-02-24T13:00-0800/2016-02-29T15:30-0800", "2016-02-24T21:00:00Z", "2016-02-29T23:30:00Z"},
        {" 2026-01-07T08:00:00+01:00 / 2026-02-03 ", "2026-01-07T07:00:00Z", "2026-02-04T00:00:00Z"},
        {"2026-01-07 08:00/2026-01-07 09:00 Z", "2026-01-07T08:00:00Z", "2026-01-07T09:00:00Z"},
        {"2026-01-07T08:00+01/2026-01-07T08:00Z", "2026-01-07T07:00:00Z", "2026-01-07T08:00:00Z"},
        {"2026-01-07/2026-01-07", "2026-01-07T00:00:00Z", "2026-01-08T00:00:00Z"},
        {"2026-01-07", NULL, NULL},
        {"2026-01-08/2026-01-06", NULL, NULL},
        {"2026-01-07T25:00/2026-01-09", NULL, NULL},
        {"2026-13-07/2026-01-09", NULL, NULL},
        {"2026-01-07T08:00+1/2026-01-09", NULL, NULL},
        {"/", NULL, NULL},
        {"", NULL, NULL},
        {"2026-01-07T08:00+01000000000000000000000000/2026-01-09", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t from = -1, until = -1, want_from = -1, want_until = -1;
        bool fine = catalog_parse_period(str_of(cases[i].text), &from, &until);
        if (fine != (cases[i].from != NULL)) fail_msg("%s: %d", cases[i].text, fine);
        if (!fine) continue;
        assert_true(clock_parse(str_of(cases[i].from), &want_from));
        assert_true(clock_parse(str_of(cases[i].until), &want_until));
        if (from != want_from || until != want_until) fail_msg("%s", cases[i].text);
    }
}

/* Processor time of cleaning n bytes of tags that nothing closes. */
static double cleaning_seconds(size_t n)
{
    struct buf in = BUF_INIT(n), out = BUF_INIT(n);
    double best = 1e9;
    while (in.n + 2 <= n)
        buf_addz(&in, "<a");
    for (int i = 0; i < 3; i++) {
        clock_t from = clock();
        buf_reset(&out);
        catalog_clean_text(buf_str(&in), &out);
        double seconds = (double)(clock() - from) / CLOCKS_PER_SEC;
        if (seconds < best) best = seconds;
    }
    assert_int_equal(out.n, in.n);
    buf_release(&in);
    buf_release(&out);
    return best;
}

static void clean_is_linear(void **state)
{
    (void)state;
    double ratio = cleaning_seconds((size_t)1 << 20) / (cleaning_seconds((size_t)1 << 16) + 1e-6);
    if (ratio > 80) fail_msg("16 times the bytes take %.0f times as long", ratio);
}

static void clean(void **state)
{
    (void)state;
    const struct {
        const char *from, *to;
    } cases[] = {{"<p>Robe <b>longue</b></p><br/>en\tsoie", "Robe longue en soie"},
                 {"5 < 6 & 7 > 3", "5 < 6 & 7 > 3"},
                 {"&eacute;t&eacute; &#233; &#xe9; &amp;amp; &bogus; &",
                  "\xc3\xa9t\xc3\xa9 \xc3\xa9 \xc3\xa9 &amp; &bogus; &"},
                 {"a<script>alert('<b>')</script>b<style>x{}</style>c", "a b c"},
                 {"<!-- x --> y", "y"},
                 {"  \xc2\xa0 a \xe2\x80\x8b\x01"
                  "b  ",
                  "a b"},
                 {"<b", "<b"},
                 {"", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = BUF_INIT((size_t)4096);
        catalog_clean_text(str_of(cases[i].from), &b);
        assert_string_equal(b.p, cases[i].to);
        buf_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(google_text),  cmocka_unit_test(broken_quotes),  cmocka_unit_test(wrong_counts),
        cmocka_unit_test(no_header),    cmocka_unit_test(named_columns),  cmocka_unit_test(encodings),
        cmocka_unit_test(long_things),  cmocka_unit_test(hostile_quotes), cmocka_unit_test(hostile_is_linear),
        cmocka_unit_test(xml_rss),      cmocka_unit_test(xml_atom),       cmocka_unit_test(xml_broken),
        cmocka_unit_test(shopify_old),  cmocka_unit_test(shopify_new),    cmocka_unit_test(prices),
        cmocka_unit_test(availability), cmocka_unit_test(clean),          cmocka_unit_test(clean_is_linear),
        cmocka_unit_test(periods)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
