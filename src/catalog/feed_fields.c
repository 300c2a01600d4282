/*
 * The one table of column names. A heading is compared in lower case without accents, with '_' for blanks
 * and hyphens, and without Google's "g:". The field's own name comes before any other name for it.
 */
#include "catalog/feed_internal.h"

#include <string.h>

static const char *const names[CATALOG_FIELDS] = {"id",
                                                  "title",
                                                  "description",
                                                  "link",
                                                  "image_link",
                                                  "additional_image_link",
                                                  "price",
                                                  "sale_price",
                                                  "sale_price_effective_date",
                                                  "availability",
                                                  "brand",
                                                  "product_type",
                                                  "google_product_category",
                                                  "color",
                                                  "size",
                                                  "gender",
                                                  "age_group",
                                                  "material",
                                                  "pattern",
                                                  "item_group_id",
                                                  "season",
                                                  "style",
                                                  "gtin",
                                                  "shop",
                                                  "quantity"};

static const struct {
    const char *heading;
    enum catalog_field field;
} aliases[] = {
    {"product_id", CATALOG_ID},
    {"sku", CATALOG_ID},
    {"offer_id", CATALOG_ID},
    {"itemid", CATALOG_ID},
    {"item_id", CATALOG_ID},
    {"identifiant", CATALOG_ID},
    {"reference", CATALOG_ID},
    {"ref", CATALOG_ID},
    {"code_article", CATALOG_ID},
    {"name", CATALOG_TITLE},
    {"product_name", CATALOG_TITLE},
    {"titre", CATALOG_TITLE},
    {"nom", CATALOG_TITLE},
    {"libelle", CATALOG_TITLE},
    {"nom_du_produit", CATALOG_TITLE},
    {"designation", CATALOG_TITLE},
    {"summary", CATALOG_DESCRIPTION},
    {"content", CATALOG_DESCRIPTION},
    {"body", CATALOG_DESCRIPTION},
    {"descriptif", CATALOG_DESCRIPTION},
    {"url", CATALOG_LINK},
    {"product_url", CATALOG_LINK},
    {"lien", CATALOG_LINK},
    {"image", CATALOG_IMAGE_LINK},
    {"image_url", CATALOG_IMAGE_LINK},
    {"picture", CATALOG_IMAGE_LINK},
    {"photo", CATALOG_IMAGE_LINK},
    {"lien_image", CATALOG_IMAGE_LINK},
    {"img", CATALOG_IMAGE_LINK},
    {"lien_de_l'image", CATALOG_IMAGE_LINK},
    {"additional_images", CATALOG_ADDITIONAL_IMAGE_LINK},
    {"additional_image_links", CATALOG_ADDITIONAL_IMAGE_LINK},
    {"lien_image_supplementaire", CATALOG_ADDITIONAL_IMAGE_LINK},
    {"prix", CATALOG_PRICE},
    {"prix_ttc", CATALOG_PRICE},
    {"regular_price", CATALOG_PRICE},
    {"prix_solde", CATALOG_SALE_PRICE},
    {"prix_promo", CATALOG_SALE_PRICE},
    {"prix_promotionnel", CATALOG_SALE_PRICE},
    {"prix_sold", CATALOG_SALE_PRICE},
    {"sale_price_dates", CATALOG_SALE_DATES},
    {"dates_de_solde", CATALOG_SALE_DATES},
    {"periode_de_validite_du_prix_solde", CATALOG_SALE_DATES},
    {"disponibilite", CATALOG_AVAILABILITY},
    {"stock_status", CATALOG_AVAILABILITY},
    {"marque", CATALOG_BRAND},
    {"vendor", CATALOG_BRAND},
    {"manufacturer", CATALOG_BRAND},
    {"category", CATALOG_PRODUCT_TYPE},
    {"categorie", CATALOG_PRODUCT_TYPE},
    {"product_category", CATALOG_PRODUCT_TYPE},
    {"type", CATALOG_PRODUCT_TYPE},
    {"type_de_produit", CATALOG_PRODUCT_TYPE},
    {"categorie_de_produits", CATALOG_PRODUCT_TYPE},
    {"categorie_de_produits_google", CATALOG_GOOGLE_PRODUCT_CATEGORY},
    {"google_category", CATALOG_GOOGLE_PRODUCT_CATEGORY},
    {"colour", CATALOG_COLOR},
    {"couleur", CATALOG_COLOR},
    {"coloris", CATALOG_COLOR},
    {"taille", CATALOG_SIZE},
    {"pointure", CATALOG_SIZE},
    {"genre", CATALOG_GENDER},
    {"sexe", CATALOG_GENDER},
    {"sex", CATALOG_GENDER},
    {"tranche_d'age", CATALOG_AGE_GROUP},
    {"tranche_d_age", CATALOG_AGE_GROUP},
    {"age", CATALOG_AGE_GROUP},
    {"matiere", CATALOG_MATERIAL},
    {"composition", CATALOG_MATERIAL},
    {"fabric", CATALOG_MATERIAL},
    {"motif", CATALOG_PATTERN},
    {"group_id", CATALOG_ITEM_GROUP_ID},
    {"parent_id", CATALOG_ITEM_GROUP_ID},
    {"parent_sku", CATALOG_ITEM_GROUP_ID},
    {"identifiant_groupe", CATALOG_ITEM_GROUP_ID},
    {"item_group", CATALOG_ITEM_GROUP_ID},
    {"modele", CATALOG_ITEM_GROUP_ID},
    {"saison", CATALOG_SEASON},
    {"usage", CATALOG_STYLE},
    {"occasion", CATALOG_STYLE},
    {"ean", CATALOG_GTIN},
    {"upc", CATALOG_GTIN},
    {"isbn", CATALOG_GTIN},
    {"barcode", CATALOG_GTIN},
    {"ean13", CATALOG_GTIN},
    {"code_barres", CATALOG_GTIN},
    {"store_code", CATALOG_SHOP},
    {"store", CATALOG_SHOP},
    {"magasin", CATALOG_SHOP},
    {"boutique", CATALOG_SHOP},
    {"stock", CATALOG_QUANTITY},
    {"qty", CATALOG_QUANTITY},
    {"quantite", CATALOG_QUANTITY},
    {"inventory", CATALOG_QUANTITY},
    {"sell_on_google_quantity", CATALOG_QUANTITY},
};

const char *catalog_field_name(enum catalog_field field) { return names[field]; }

/* Latin-1 letters without their accent: enough for headings. */
static char plain(uint32_t cp)
{
    static const char table[] = "aaaaaaaceeeeiiiidnooooo*ouuuuypsaaaaaaaceeeeiiiidnooooo/ouuuuypy";
    return cp >= 0xc0 && cp <= 0xff ? table[cp - 0xc0] : 0;
}

struct str catalog_heading(struct str heading, char *out, size_t cap)
{
    size_t n = 0;
    heading = str_trim(heading);
    uint32_t cp;
    while ((cp = str_utf8_next(&heading)) != 0 && n + 1 < cap) {
        char c = cp < 0x80 ? (char)cp : plain(cp);
        if (cp == 0x2019) c = '\'';
        if (cp == 0xa0 || c == ' ' || c == '-' || c == '_' || c == '\t') c = '_';
        if (!c) continue;
        if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
        if (c == '_' && (n == 0 || out[n - 1] == '_')) continue;
        out[n++] = c;
    }
    while (n && out[n - 1] == '_')
        n--;
    out[n] = 0;
    struct str s = {out, n};
    return str_starts(s, STR("g:")) ? str_sub(s, 2, n) : s;
}

int catalog_field_of(struct str heading, bool *exact)
{
    char folded[64];
    if (heading.n > 200) return -1;
    struct str s = catalog_heading(heading, folded, sizeof folded);
    if (exact) *exact = true;
    for (int i = 0; i < CATALOG_FIELDS; i++)
        if (str_eqz(s, names[i])) return i;
    if (exact) *exact = false;
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (str_eqz(s, aliases[i].heading)) return (int)aliases[i].field;
    return -1;
}
