/* Any words, over the whole vocabulary and a dictionary with a few titles and brands: what is understood has weights
 * from 0 to 1, stays within its bounds, and is JSON that can be read again. */
#include "base/jout.h"
#include "base/jval.h"
#include "lang/understand.h"

#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vocab *vocab;
static struct lang_dict *dict;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    static const struct str titles[] = {STR("Puma Men Grey Solid Round Neck T-Shirt"),
                                        STR("Robe longue à fleurs Naf Naf"), STR("Levi's 501 jean droit brut"),
                                        STR("Sac à main en cuir végétalien"), STR("Chaussures de course 42")};
    static const struct str brands[] = {STR("Puma"), STR("Naf Naf"), STR("Levi's"), STR("H&M")};
    bool bad = vocab_open(NULL, NULL, &vocab, NULL) || lang_dict_create(&dict, NULL);
    for (size_t i = 0; i < sizeof titles / sizeof *titles && !bad; i++)
        bad = lang_dict_add_text(dict, titles[i], NULL);
    for (size_t i = 0; i < sizeof brands / sizeof *brands && !bad; i++)
        bad = lang_dict_add_brand(dict, brands[i], NULL);
    return bad || lang_dict_seal(dict, NULL);
}

static void check(const struct lang_values *values)
{
    ASSERT(values->n <= LANG_MAX_VALUES);
    for (size_t i = 0; i < values->n; i++)
        ASSERT(values->v[i].name && values->v[i].weight >= 0 && values->v[i].weight <= 1.001f);
}

static void check_query(const struct lang_query *q)
{
    for (int f = 0; f < VOCAB_FIELDS; f++) {
        check(&q->values[f]);
        check(&q->without[f]);
    }
    ASSERT(q->n_terms <= LANG_MAX_TERMS && q->n_concepts <= LANG_MAX_CONCEPTS && q->explained <= 1);
    for (size_t i = 0; i < q->n_terms; i++)
        ASSERT(q->terms[i].n_stems <= 4 && str_utf8_valid(q->terms[i].word));
    ASSERT(q->price_min_cents >= -1 && q->price_max_cents >= -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT(1 << 22);
    struct buf json = BUF_INIT(1 << 20);
    struct jout out = JOUT_INIT(&json);
    struct jval *again = NULL;
    struct lang_query *q = arena_alloc(&arena, sizeof *q);
    struct str found[8], text = {(const char *)data, size};
    if (q && lang_understand(vocab, dict, text, &arena, q, NULL) == RC_OK) {
        check_query(q);
        jout_object(&out);
        lang_query_write(q, &out);
        jout_end(&out);
        ASSERT(json.failed || jval_parse(buf_str(&json), 1 << 20, &again, NULL) == RC_OK);
        jval_destroy(again);
    }
    ASSERT(lang_suggest(vocab, str_sub(text, 0, 40), size % 2 ? "fr" : "en", &arena, found, 8) <= 8);
    buf_release(&json);
    arena_release(&arena);
    return 0;
}
