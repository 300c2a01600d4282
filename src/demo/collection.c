/* The tables of the collection, and how a product is made from them. */
#include "demo/cut.h"

#include <math.h>

static const struct colour colours[] = {
    {"Black", "noir", "noire", {0x222326, 0x1c1d21, 0x2a2a2c}},
    {"White", "blanc", "blanche", {0xf6f5f2, 0xf3f4f5, 0xf8f6f0}},
    {"Navy Blue", "bleu marine", "bleu marine", {0x1f2f4d, 0x23304a, 0x1b2740}},
    {"Blue", "bleu", "bleue", {0x3f6ca8, 0x5b88b8, 0x2f5fa5}},
    {"Grey", "gris", "grise", {0x8d9196, 0x9c9fa3, 0x77797e}},
    {"Charcoal", "gris anthracite", "gris anthracite", {0x43464b, 0x3b3e44, 0x4a4c50}},
    {"Beige", "beige", "beige", {0xd5c3a6, 0xcdb898, 0xdcccb4}},
    {"Cream", "crème", "crème", {0xefe6d3, 0xf0e8d9, 0xeae0c9}},
    {"Brown", "marron", "marron", {0x6b4a33, 0x5b3d2b, 0x7a563b}},
    {"Tan", "camel", "camel", {0xb98757, 0xb07c4b, 0xc2925f}},
    {"Red", "rouge", "rouge", {0xb3262e, 0xc0302f, 0xa61f2b}},
    {"Burgundy", "bordeaux", "bordeaux", {0x6a1f2f, 0x5d1a29, 0x742637}},
    {"Pink", "rose", "rose", {0xe3a3b0, 0xdb8fa2, 0xeab9c0}},
    {"Magenta", "fuchsia", "fuchsia", {0xc02f72, 0xb42a6a, 0xcc3d80}},
    {"Orange", "orange", "orange", {0xd9702e, 0xe07d3a, 0xcc6327}},
    {"Rust", "rouille", "rouille", {0xa4502c, 0x984726, 0xb05a34}},
    {"Yellow", "jaune", "jaune", {0xe9c84a, 0xf0d560, 0xe3bd38}},
    {"Mustard", "moutarde", "moutarde", {0xc4932f, 0xb88726, 0xcc9d3c}},
    {"Green", "vert", "verte", {0x2f7350, 0x3c8460, 0x276347}},
    {"Olive", "vert olive", "vert olive", {0x6a6a3c, 0x5f6137, 0x757446}},
    {"Khaki", "kaki", "kaki", {0x857c5a, 0x8f8664, 0x7a7150}},
    {"Teal", "bleu canard", "bleu canard", {0x1f6670, 0x1a5b66, 0x26717b}},
    {"Turquoise Blue", "turquoise", "turquoise", {0x3fa9a8, 0x4ab5b2, 0x369b9d}},
    {"Purple", "violet", "violette", {0x5f3f78, 0x6a4885, 0x54366c}},
    {"Lavender", "lavande", "lavande", {0xb3a5cf, 0xbdb0d6, 0xa999c7}},
    {"Maroon", "brun rouge", "brun rouge", {0x5e2b26, 0x662f29, 0x552621}},
    {"Gold", "doré", "dorée", {0xc9a14a, 0xd0aa57, 0xbf963e}},
    {"Silver", "argenté", "argentée", {0xb9bdc3, 0xc3c6cb, 0xaeb2b9}},
    {"Peach", "pêche", "pêche", {0xf0b795, 0xecae8a, 0xf3c1a2}},
    {"Sea Green", "vert d'eau", "vert d'eau", {0x8fc0ab, 0x9bc9b6, 0x84b6a0}},
};
enum { COLOURS = sizeof colours / sizeof *colours };

/* Colours of a palette by their index above. */
static const signed char palettes[][24] = {
    {0, 1, 2, 3, 4, 6, 7, 9, 10, 11, 12, 14, 16, 17, 18, 19, 21, 23, 24, 13, 28, 29, 15, -1}, /* ALL */
    {2, 5, 0, 4, 8, 2, 6, 11, 5, -1},                                                         /* SUIT */
    {3, 2, 3, 0, 3, 4, 1, 2, -1},                                                             /* DENIM */
    {0, 8, 9, 0, 11, 2, 6, 10, 25, 19, 7, -1},                                                /* LEATHER */
    {26, 27, 26, -1},                                                                         /* METAL */
    {0, 2, 4, 10, 3, 18, 14, 22, 13, 1, 23, 16, -1},                                          /* SPORT */
    {9, 0, 2, 5, 6, 20, 8, 11, 4, 12, 19, 21, -1},                                            /* COAT */
    {12, 7, 1, 6, 10, 18, 21, 24, 28, 11, 29, 0, 2, 14, 16, 23, 17, 22, -1},                  /* SOFT */
    {6, 7, 9, 8, 9, -1},                                                                      /* STRAW */
    {0, 10, 11, 18, 23, 26, 27, 13, 2, 21, -1},                                               /* EVENING */
};
static const struct {
    const char *fr, *en;
    double dear;
} fabrics[FAB_COUNT] = {
    [FAB_JERSEY] = {"coton", "cotton", 1},
    [FAB_POPLIN] = {"popeline de coton", "cotton", 1.05},
    [FAB_LINEN] = {"lin", "linen", 1.3},
    [FAB_RIB] = {"maille côtelée", "knit", 1.1},
    [FAB_KNIT] = {"laine mérinos", "wool", 1.4},
    [FAB_CABLE] = {"laine", "wool", 1.5},
    [FAB_FLEECE] = {"molleton de coton", "cotton", 1.05},
    [FAB_DENIM] = {"denim", "denim", 1.1},
    [FAB_TWILL] = {"coton", "cotton", 1},
    [FAB_TWEED] = {"tweed", "tweed", 1.6},
    [FAB_WOOL] = {"laine", "wool", 1.5},
    [FAB_CORDUROY] = {"velours côtelé", "corduroy", 1.15},
    [FAB_VELVET] = {"velours", "velvet", 1.35},
    [FAB_SATIN] = {"satin", "satin", 1.3},
    [FAB_CREPE] = {"viscose", "viscose", 1.1},
    [FAB_LEATHER] = {"cuir", "leather", 2.1},
    [FAB_SUEDE] = {"daim", "suede", 1.9},
    [FAB_TECH] = {"polyester", "polyester", 1},
    [FAB_QUILT] = {"nylon", "nylon", 1.2},
    [FAB_LACE] = {"dentelle", "lace", 1.3},
    [FAB_CANVAS] = {"toile", "canvas", .9},
    [FAB_MESH] = {"polyester", "polyester", 1},
    [FAB_STRAW] = {"paille", "straw", .9},
    [FAB_RUBBER] = {"caoutchouc", "rubber", .8},
    [FAB_PLASTIC] = {"acétate", "acetate", 1},
    [FAB_METAL] = {"acier", "metal", 1.4},
};

static const struct {
    const char *fr, *en, *title, *title_fem;
} patterns[PAT_COUNT] = {
    [PAT_PLAIN] = {"uni", "plain", "", ""},
    [PAT_STRIPES] = {"rayures", "striped", " rayé", " rayée"},
    [PAT_PINSTRIPE] = {"rayures fines", "striped", " à fines rayures", " à fines rayures"},
    [PAT_VSTRIPES] = {"rayures", "striped", " à rayures verticales", " à rayures verticales"},
    [PAT_CHECK] = {"carreaux", "checked", " à carreaux", " à carreaux"},
    [PAT_TARTAN] = {"tartan", "checked", " en tartan", " en tartan"},
    [PAT_GINGHAM] = {"vichy", "checked", " vichy", " vichy"},
    [PAT_FLOWERS] = {"fleurs", "floral", " à fleurs", " à fleurs"},
    [PAT_DOTS] = {"pois", "dotted", " à pois", " à pois"},
    [PAT_CHEVRON] = {"chevrons", "chevron", " à chevrons", " à chevrons"},
    [PAT_CAMOUFLAGE] = {"camouflage", "camouflage", " camouflage", " camouflage"},
    [PAT_GEOMETRIC] = {"imprimé géométrique", "geometric", " à imprimé géométrique", " à imprimé géométrique"},
    [PAT_ETHNIC] = {"imprimé ethnique", "ethnic", " à motif ethnique", " à motif ethnique"},
    [PAT_BLOCK] = {"color block", "colour block", " color block", " color block"},
};

static const char *const styles[5][2] = {{"Décontracté", "Casual"},
                                         {"Formel", "Formal"},
                                         {"Sport", "Sports"},
                                         {"Ethnique", "Ethnic"},
                                         {"Soirée", "Party"}};
static const char *const seasons[4][2] = {
    {"Printemps", "Spring"}, {"Été", "Summer"}, {"Automne", "Fall"}, {"Hiver", "Winter"}};
enum { CASUAL, FORMAL, SPORTS, ETHNIC, PARTY };
enum { SPRING, SUMMER, AUTUMN, WINTER };

#define F(...)          \
    {                   \
        __VA_ARGS__, -1 \
    }
static const struct cut cuts[] = {
    {TEE, "t-shirt", "T-shirt col rond", false, "T-shirts et polos > T-shirts", "Clothing > Shirts & Tops",
     "wmm", PAL_ALL, F(FAB_JERSEY), F(PAT_PLAIN, PAT_PLAIN, PAT_PLAIN, PAT_STRIPES, PAT_BLOCK), CASUAL, SUMMER,
     19, SIZE_LETTER, 26, "Coupe droite, encolure ronde en côtes et bande de propreté au dos."},
    {TEE_V, "t-shirt", "T-shirt col V", false, "T-shirts et polos > T-shirts", "Clothing > Shirts & Tops", "wm",
     PAL_ALL, F(FAB_JERSEY, FAB_LINEN), F(PAT_PLAIN, PAT_PLAIN, PAT_STRIPES), CASUAL, SUMMER, 19, SIZE_LETTER,
     13, "Une encolure en V qui dégage le cou et une maille souple."},
    {TEE_PRINT, "t-shirt", "T-shirt à motif", false, "T-shirts et polos > T-shirts", "Clothing > Shirts & Tops",
     "wmu", PAL_ALL, F(FAB_JERSEY), F(PAT_PLAIN), CASUAL, SUMMER, 24, SIZE_LETTER, 18,
     "Un dessin original sérigraphié sur la poitrine, à l'encre à l'eau."},
    {POLO, "t-shirt", "Polo", false, "T-shirts et polos > Polos", "Clothing > Shirts & Tops", "mmw", PAL_ALL,
     F(FAB_JERSEY), F(PAT_PLAIN, PAT_PLAIN, PAT_STRIPES, PAT_BLOCK), CASUAL, SPRING, 35, SIZE_LETTER, 18,
     "Maille piquée, patte à trois boutons et col souple."},
    {LONGSLEEVE, "longsleeve", "T-shirt à manches longues", false, "T-shirts et polos > Manches longues",
     "Clothing > Shirts & Tops", "wm", PAL_ALL, F(FAB_JERSEY),
     F(PAT_PLAIN, PAT_STRIPES, PAT_STRIPES, PAT_BLOCK), CASUAL, AUTUMN, 25, SIZE_LETTER, 20,
     "Des manches longues et une maille douce à porter toute l'année."},
    {HENLEY, "longsleeve", "T-shirt tunisien", false, "T-shirts et polos > Manches longues",
     "Clothing > Shirts & Tops", "m", PAL_ALL, F(FAB_JERSEY, FAB_RIB), F(PAT_PLAIN), CASUAL, AUTUMN, 29,
     SIZE_LETTER, 8, "Col tunisien boutonné et poignets en côtes."},
    {SHIRT, "shirt", "Chemise", true, "Chemises > Chemises", "Clothing > Shirts & Tops", "mmw", PAL_ALL,
     F(FAB_POPLIN, FAB_POPLIN, FAB_LINEN),
     F(PAT_PLAIN, PAT_PLAIN, PAT_PINSTRIPE, PAT_CHECK, PAT_GINGHAM, PAT_DOTS), FORMAL, -1, 45, SIZE_LETTER, 26,
     "Col classique, poignets boutonnés et bas arrondi."},
    {SHIRT_MAO, "shirt", "Chemise col mao", true, "Chemises > Chemises", "Clothing > Shirts & Tops", "m",
     PAL_SOFT, F(FAB_LINEN), F(PAT_PLAIN, PAT_VSTRIPES), CASUAL, SUMMER, 45, SIZE_LETTER, 8,
     "Un col officier et un tissu qui respire pour les beaux jours."},
    {SHIRT_DENIM, "shirt", "Chemise en jean", true, "Chemises > Chemises", "Clothing > Shirts & Tops", "mw",
     PAL_DENIM, F(FAB_DENIM), F(PAT_PLAIN), CASUAL, AUTUMN, 49, SIZE_LETTER, 8,
     "Deux poches poitrine à rabat et boutons pression."},
    {SHIRT_SHORT, "shirt", "Chemisette", true, "Chemises > Chemisettes", "Clothing > Shirts & Tops", "m",
     PAL_ALL, F(FAB_POPLIN, FAB_CREPE), F(PAT_FLOWERS, PAT_GEOMETRIC, PAT_VSTRIPES, PAT_PLAIN, PAT_ETHNIC),
     CASUAL, SUMMER, 39, SIZE_LETTER, 14, "Manches courtes et coupe ample, à porter ouverte ou fermée."},
    {BLOUSE, "shirt", "Blouse", true, "Chemises > Blouses", "Clothing > Shirts & Tops", "w", PAL_SOFT,
     F(FAB_CREPE, FAB_SATIN, FAB_POPLIN), F(PAT_PLAIN, PAT_FLOWERS, PAT_DOTS, PAT_ETHNIC), CASUAL, SPRING, 45,
     SIZE_WOMAN, 16, "Manches bouffantes resserrées aux poignets et tombé fluide."},
    {CAMISOLE, "top", "Caraco", false, "Hauts > Tops", "Clothing > Shirts & Tops", "w", PAL_SOFT,
     F(FAB_SATIN, FAB_CREPE, FAB_LACE), F(PAT_PLAIN, PAT_PLAIN, PAT_FLOWERS), PARTY, SUMMER, 32, SIZE_WOMAN, 12,
     "De fines bretelles et un tissu qui glisse sur la peau."},
    {TANK, "top", "Débardeur", false, "Hauts > Débardeurs", "Clothing > Shirts & Tops", "ww", PAL_ALL,
     F(FAB_RIB, FAB_JERSEY), F(PAT_PLAIN, PAT_PLAIN, PAT_STRIPES), CASUAL, SUMMER, 17, SIZE_LETTER, 14,
     "Larges bretelles et encolure dégagée."},
    {BOAT_TOP, "top", "Haut col bateau", false, "Hauts > Tops", "Clothing > Shirts & Tops", "w", PAL_SOFT,
     F(FAB_CREPE, FAB_JERSEY, FAB_LINEN), F(PAT_PLAIN, PAT_STRIPES, PAT_FLOWERS, PAT_GEOMETRIC), CASUAL, SPRING,
     29, SIZE_WOMAN, 14, "Encolure bateau et manches trois-quarts."},
    {CROP_TOP, "top", "Top court", false, "Hauts > Tops", "Clothing > Shirts & Tops", "w", PAL_ALL,
     F(FAB_RIB, FAB_VELVET, FAB_SATIN), F(PAT_PLAIN), PARTY, SUMMER, 26, SIZE_LETTER, 10,
     "Une coupe courte qui s'arrête à la taille."},
    {TUNIC, "tunic", "Tunique", true, "Hauts > Tuniques", "Clothing > Shirts & Tops", "w", PAL_SOFT,
     F(FAB_LINEN, FAB_CREPE), F(PAT_ETHNIC, PAT_ETHNIC, PAT_FLOWERS, PAT_PLAIN), ETHNIC, SUMMER, 39, SIZE_WOMAN,
     18, "Longue et ample, fendue sur les côtés, d'esprit voyage."},
    {SWEATER, "sweater", "Pull col rond", false, "Pulls et gilets > Pulls", "Clothing > Shirts & Tops", "wm",
     PAL_ALL, F(FAB_KNIT, FAB_KNIT, FAB_RIB), F(PAT_PLAIN, PAT_PLAIN, PAT_STRIPES, PAT_CHEVRON, PAT_BLOCK),
     CASUAL, WINTER, 45, SIZE_LETTER, 22, "Une maille chaude et légère, finitions en bords-côtes."},
    {SWEATER_V, "sweater", "Pull col V", false, "Pulls et gilets > Pulls", "Clothing > Shirts & Tops", "mw",
     PAL_ALL, F(FAB_KNIT), F(PAT_PLAIN), FORMAL, WINTER, 45, SIZE_LETTER, 12,
     "Un col V sobre, à porter sur une chemise."},
    {TURTLENECK, "sweater", "Pull col roulé", false, "Pulls et gilets > Pulls", "Clothing > Shirts & Tops",
     "wm", PAL_ALL, F(FAB_RIB, FAB_KNIT), F(PAT_PLAIN), CASUAL, WINTER, 49, SIZE_LETTER, 14,
     "Col roulé généreux et maille près du corps."},
    {CABLE_KNIT, "sweater", "Pull torsadé", false, "Pulls et gilets > Pulls", "Clothing > Shirts & Tops", "wm",
     PAL_COAT, F(FAB_CABLE), F(PAT_PLAIN), CASUAL, WINTER, 55, SIZE_LETTER, 12,
     "Des torsades irlandaises tricotées en gros fil."},
    {CARDIGAN, "sweater", "Gilet en maille", false, "Pulls et gilets > Gilets", "Clothing > Shirts & Tops",
     "wm", PAL_ALL, F(FAB_KNIT, FAB_RIB, FAB_CABLE), F(PAT_PLAIN), CASUAL, AUTUMN, 49, SIZE_LETTER, 14,
     "Boutonné devant, il se superpose à tout."},
    {SWEATSHIRT, "sweatshirt", "Sweat col rond", false, "Sweats > Sweats", "Clothing > Shirts & Tops", "wm",
     PAL_ALL, F(FAB_FLEECE), F(PAT_PLAIN, PAT_PLAIN, PAT_BLOCK), SPORTS, AUTUMN, 39, SIZE_LETTER, 18,
     "Molleton gratté à l'intérieur et bords-côtes qui tiennent."},
    {HOODIE, "sweatshirt", "Sweat à capuche", false, "Sweats > Sweats à capuche", "Clothing > Shirts & Tops",
     "wmu", PAL_ALL, F(FAB_FLEECE), F(PAT_PLAIN, PAT_PLAIN, PAT_PLAIN, PAT_CAMOUFLAGE), CASUAL, AUTUMN, 45,
     SIZE_LETTER, 18, "Capuche doublée, cordons ronds et poche kangourou."},
    {HOODIE_ZIP, "sweatshirt", "Sweat zippé à capuche", false, "Sweats > Sweats à capuche",
     "Clothing > Shirts & Tops", "mw", PAL_SPORT, F(FAB_FLEECE, FAB_TECH), F(PAT_PLAIN), SPORTS, AUTUMN, 49,
     SIZE_LETTER, 10, "Fermeture zippée sur toute la hauteur."},
    {DENIM_JACKET, "jacket", "Veste en jean", true, "Manteaux et vestes > Vestes",
     "Clothing > Outerwear > Coats & Jackets", "wm", PAL_DENIM, F(FAB_DENIM), F(PAT_PLAIN), CASUAL, SPRING, 69,
     SIZE_LETTER, 14, "La veste de trucker : poches à rabat, surpiqûres et boutons en métal."},
    {BIKER, "jacket", "Perfecto", false, "Manteaux et vestes > Blousons",
     "Clothing > Outerwear > Coats & Jackets", "wwm", PAL_LEATHER, F(FAB_LEATHER, FAB_LEATHER, FAB_SUEDE),
     F(PAT_PLAIN), PARTY, AUTUMN, 129, SIZE_LETTER, 12, "Zip en biais, revers pressionnés et peau souple."},
    {BOMBER, "jacket", "Blouson bomber", false, "Manteaux et vestes > Blousons",
     "Clothing > Outerwear > Coats & Jackets", "mw", PAL_SPORT, F(FAB_TECH, FAB_SATIN, FAB_SUEDE),
     F(PAT_PLAIN, PAT_PLAIN, PAT_CAMOUFLAGE), CASUAL, SPRING, 79, SIZE_LETTER, 12,
     "Bords-côtes au col, aux poignets et à la taille."},
    {PARKA, "jacket", "Parka", true, "Manteaux et vestes > Parkas", "Clothing > Outerwear > Coats & Jackets",
     "wm", PAL_COAT, F(FAB_TWILL, FAB_TECH), F(PAT_PLAIN), CASUAL, WINTER, 119, SIZE_LETTER, 10,
     "Capuche ample, grandes poches à rabat et tissu déperlant."},
    {TRENCH, "jacket", "Trench", false, "Manteaux et vestes > Trenchs",
     "Clothing > Outerwear > Coats & Jackets", "wwm", PAL_COAT, F(FAB_TWILL), F(PAT_PLAIN), FORMAL, SPRING, 139,
     SIZE_LETTER, 10, "Double boutonnage, ceinture à nouer et gabardine serrée."},
    {COAT, "jacket", "Manteau droit", false, "Manteaux et vestes > Manteaux",
     "Clothing > Outerwear > Coats & Jackets", "wm", PAL_COAT, F(FAB_WOOL, FAB_WOOL, FAB_TWEED),
     F(PAT_PLAIN, PAT_PLAIN, PAT_CHECK, PAT_CHEVRON), FORMAL, WINTER, 129, SIZE_LETTER, 14,
     "Une ligne droite, un col tailleur et une doublure soyeuse."},
    {PEACOAT, "jacket", "Caban", false, "Manteaux et vestes > Manteaux",
     "Clothing > Outerwear > Coats & Jackets", "mw", PAL_COAT, F(FAB_WOOL), F(PAT_PLAIN), CASUAL, WINTER, 119,
     SIZE_LETTER, 8, "Croisé comme dans la marine, en drap épais."},
    {PUFFER, "jacket", "Doudoune", true, "Manteaux et vestes > Doudounes",
     "Clothing > Outerwear > Coats & Jackets", "wm", PAL_SPORT, F(FAB_QUILT), F(PAT_PLAIN), SPORTS, WINTER, 99,
     SIZE_LETTER, 14, "Matelassée, légère et compressible, garnissage recyclé."},
    {BLAZER, "blazer", "Blazer", false, "Vestes de costume > Blazers", "Clothing > Suits", "wm", PAL_SUIT,
     F(FAB_WOOL, FAB_LINEN, FAB_TWEED, FAB_CORDUROY), F(PAT_PLAIN, PAT_PLAIN, PAT_PINSTRIPE, PAT_CHECK), FORMAL,
     -1, 89, SIZE_MAN, 22, "Deux boutons, revers crantés et poches à rabat."},
    {BLAZER_DOUBLE, "blazer", "Blazer croisé", false, "Vestes de costume > Blazers", "Clothing > Suits", "wm",
     PAL_SUIT, F(FAB_WOOL, FAB_CREPE), F(PAT_PLAIN, PAT_PINSTRIPE), FORMAL, -1, 99, SIZE_MAN, 10,
     "Croisé, revers en pointe et épaules structurées."},
    {TUXEDO, "blazer", "Veste de smoking", true, "Vestes de costume > Smokings", "Clothing > Suits", "wm",
     PAL_EVENING, F(FAB_VELVET, FAB_WOOL), F(PAT_PLAIN), PARTY, WINTER, 119, SIZE_MAN, 10,
     "Col châle en satin pour les grands soirs."},
    {WAISTCOAT, "waistcoat", "Gilet de costume", false, "Vestes de costume > Gilets", "Clothing > Suits", "mmw",
     PAL_SUIT, F(FAB_WOOL, FAB_TWEED), F(PAT_PLAIN, PAT_PINSTRIPE, PAT_CHECK), FORMAL, -1, 49, SIZE_MAN, 14,
     "Sans manches, cinq boutons et pointes devant."},
    {DRESS_WRAP, "dress", "Robe portefeuille", true, "Robes > Robes mi-longues", "Clothing > Dresses", "w",
     PAL_SOFT, F(FAB_CREPE, FAB_SATIN), F(PAT_FLOWERS, PAT_DOTS, PAT_PLAIN, PAT_GEOMETRIC), CASUAL, SUMMER, 59,
     SIZE_WOMAN, 16, "Croisée sur le buste et nouée à la taille."},
    {DRESS_SKATER, "dress", "Robe patineuse", true, "Robes > Robes courtes", "Clothing > Dresses", "w", PAL_ALL,
     F(FAB_CREPE, FAB_VELVET, FAB_SATIN, FAB_LACE), F(PAT_PLAIN, PAT_PLAIN, PAT_DOTS, PAT_FLOWERS, PAT_TARTAN),
     PARTY, -1, 55, SIZE_WOMAN, 16, "Cintrée à la taille, jupe qui tourne."},
    {DRESS_SHEATH, "dress", "Robe fourreau", true, "Robes > Robes mi-longues", "Clothing > Dresses", "w",
     PAL_EVENING, F(FAB_CREPE, FAB_WOOL), F(PAT_PLAIN, PAT_PLAIN, PAT_CHECK), FORMAL, -1, 65, SIZE_WOMAN, 12,
     "Près du corps, elle s'arrête au genou."},
    {DRESS_MAXI, "dress", "Robe longue", true, "Robes > Robes longues", "Clothing > Dresses", "w", PAL_SOFT,
     F(FAB_CREPE, FAB_LINEN), F(PAT_ETHNIC, PAT_FLOWERS, PAT_GEOMETRIC, PAT_PLAIN), ETHNIC, SUMMER, 65,
     SIZE_WOMAN, 16, "Longue jusqu'aux chevilles, taille froncée, esprit bohème."},
    {DRESS_SLIP, "dress", "Robe nuisette", true, "Robes > Robes de soirée", "Clothing > Dresses", "w",
     PAL_EVENING, F(FAB_SATIN, FAB_SATIN, FAB_VELVET), F(PAT_PLAIN), PARTY, SUMMER, 69, SIZE_WOMAN, 12,
     "Fines bretelles, coupe en biais et reflets de soie."},
    {DRESS_SHIRT, "dress", "Robe chemise", true, "Robes > Robes mi-longues", "Clothing > Dresses", "w", PAL_ALL,
     F(FAB_POPLIN, FAB_DENIM, FAB_LINEN), F(PAT_PLAIN, PAT_VSTRIPES, PAT_GINGHAM), CASUAL, SPRING, 59,
     SIZE_WOMAN, 12, "Col chemise, boutonnage devant et ceinture à nouer."},
    {DRESS_KNIT, "dress", "Robe pull", true, "Robes > Robes courtes", "Clothing > Dresses", "w", PAL_COAT,
     F(FAB_RIB, FAB_KNIT, FAB_CABLE), F(PAT_PLAIN, PAT_PLAIN, PAT_STRIPES), CASUAL, WINTER, 55, SIZE_LETTER, 10,
     "Une maille longue et douce, à porter avec des bottines."},
    {JUMPSUIT, "jumpsuit", "Combinaison", true, "Combinaisons > Combinaisons pantalon",
     "Clothing > One-Pieces > Jumpsuits & Rompers", "w", PAL_SOFT, F(FAB_CREPE, FAB_LINEN, FAB_DENIM),
     F(PAT_PLAIN, PAT_PLAIN, PAT_FLOWERS, PAT_VSTRIPES), CASUAL, SUMMER, 65, SIZE_WOMAN, 18,
     "Un vêtement, une allure : taille nouée et jambes amples."},
    {CHINO, "trousers", "Pantalon chino", false, "Pantalons > Chinos", "Clothing > Pants", "mmw", PAL_COAT,
     F(FAB_TWILL), F(PAT_PLAIN), CASUAL, SPRING, 45, SIZE_MAN, 16,
     "Poches italiennes et coton légèrement extensible."},
    {SUIT_TROUSERS, "trousers", "Pantalon à pinces", false, "Pantalons > Pantalons de costume",
     "Clothing > Pants", "mw", PAL_SUIT, F(FAB_WOOL, FAB_CREPE),
     F(PAT_PLAIN, PAT_PLAIN, PAT_PINSTRIPE, PAT_CHECK), FORMAL, -1, 55, SIZE_MAN, 16,
     "Pli marqué au fer et tombé net."},
    {WIDE_TROUSERS, "trousers", "Pantalon large", false, "Pantalons > Pantalons larges", "Clothing > Pants",
     "w", PAL_SOFT, F(FAB_LINEN, FAB_CREPE, FAB_CORDUROY), F(PAT_PLAIN, PAT_PLAIN, PAT_VSTRIPES, PAT_ETHNIC),
     CASUAL, SUMMER, 49, SIZE_WOMAN, 14, "Taille haute et jambes amples qui accompagnent le pas."},
    {CARGO, "trousers", "Pantalon cargo", false, "Pantalons > Pantalons cargo", "Clothing > Pants", "mw",
     PAL_COAT, F(FAB_TWILL, FAB_CANVAS), F(PAT_PLAIN, PAT_PLAIN, PAT_CAMOUFLAGE), CASUAL, AUTUMN, 49, SIZE_MAN,
     10, "De grandes poches à soufflet sur les cuisses."},
    {JEANS_SLIM, "jeans", "Jean slim", false, "Jeans > Slim", "Clothing > Pants", "wm", PAL_DENIM, F(FAB_DENIM),
     F(PAT_PLAIN), CASUAL, -1, 49, SIZE_JEANS, 18, "Coupe ajustée et denim extensible qui garde sa forme."},
    {JEANS_STRAIGHT, "jeans", "Jean droit", false, "Jeans > Droits", "Clothing > Pants", "mw", PAL_DENIM,
     F(FAB_DENIM), F(PAT_PLAIN), CASUAL, -1, 55, SIZE_JEANS, 16,
     "La coupe droite d'origine, cinq poches et rivets."},
    {JEANS_FLARE, "jeans", "Jean évasé", false, "Jeans > Évasés", "Clothing > Pants", "w", PAL_DENIM,
     F(FAB_DENIM), F(PAT_PLAIN), CASUAL, -1, 55, SIZE_JEANS, 10,
     "Taille haute, ajusté aux cuisses et évasé du genou."},
    {JOGGER, "joggers", "Pantalon de jogging", false, "Pantalons > Joggings", "Clothing > Activewear", "mw",
     PAL_SPORT, F(FAB_FLEECE, FAB_FLEECE, FAB_TECH), F(PAT_PLAIN), SPORTS, -1, 35, SIZE_LETTER, 24,
     "Taille élastique, cordon et chevilles resserrées."},
    {LEGGING, "leggings", "Legging", false, "Pantalons > Leggings", "Clothing > Activewear", "w", PAL_SPORT,
     F(FAB_TECH, FAB_JERSEY), F(PAT_PLAIN, PAT_PLAIN, PAT_GEOMETRIC, PAT_CAMOUFLAGE), SPORTS, -1, 29,
     SIZE_LETTER, 20, "Taille haute gainante et maille seconde peau."},
    {SHORT_CHINO, "shorts", "Bermuda chino", false, "Shorts > Bermudas", "Clothing > Shorts", "m", PAL_ALL,
     F(FAB_TWILL, FAB_LINEN), F(PAT_PLAIN, PAT_PLAIN, PAT_CHECK), CASUAL, SUMMER, 35, SIZE_MAN, 12,
     "Au-dessus du genou, pour la ville comme pour la plage."},
    {SHORT_DENIM, "shorts", "Short en jean", false, "Shorts > Shorts", "Clothing > Shorts", "w", PAL_DENIM,
     F(FAB_DENIM), F(PAT_PLAIN), CASUAL, SUMMER, 32, SIZE_WOMAN, 8, "Bas retourné et taille haute."},
    {SHORT_SPORT, "shorts", "Short de sport", false, "Shorts > Shorts de sport", "Clothing > Activewear", "mw",
     PAL_SPORT, F(FAB_TECH, FAB_MESH), F(PAT_PLAIN), SPORTS, SUMMER, 25, SIZE_LETTER, 10,
     "Séchage rapide et bandes contrastées sur les côtés."},
    {SKIRT_PENCIL, "skirt", "Jupe droite", true, "Jupes > Jupes droites", "Clothing > Skirts", "w", PAL_SUIT,
     F(FAB_WOOL, FAB_CREPE, FAB_LEATHER, FAB_TWEED), F(PAT_PLAIN, PAT_PLAIN, PAT_CHECK), FORMAL, -1, 45,
     SIZE_WOMAN, 10, "Ajustée, fendue derrière, elle s'arrête au genou."},
    {SKIRT_SKATER, "skirt", "Jupe patineuse", true, "Jupes > Jupes courtes", "Clothing > Skirts", "w", PAL_ALL,
     F(FAB_CREPE, FAB_VELVET, FAB_SUEDE), F(PAT_PLAIN, PAT_DOTS, PAT_TARTAN, PAT_FLOWERS), CASUAL, -1, 35,
     SIZE_WOMAN, 10, "Courte et évasée, facile à vivre."},
    {SKIRT_PLEATED, "skirt", "Jupe plissée", true, "Jupes > Jupes plissées", "Clothing > Skirts", "w", PAL_ALL,
     F(FAB_SATIN, FAB_CREPE, FAB_WOOL), F(PAT_PLAIN, PAT_PLAIN, PAT_TARTAN), FORMAL, AUTUMN, 49, SIZE_WOMAN, 12,
     "Des plis réguliers qui s'ouvrent à chaque pas."},
    {SKIRT_MAXI, "skirt", "Jupe longue à volants", true, "Jupes > Jupes longues", "Clothing > Skirts", "w",
     PAL_SOFT, F(FAB_CREPE, FAB_LINEN), F(PAT_ETHNIC, PAT_FLOWERS, PAT_PLAIN, PAT_GEOMETRIC), ETHNIC, SUMMER,
     49, SIZE_WOMAN, 10, "Trois volants froncés, esprit bohème."},
    {SKIRT_DENIM, "skirt", "Jupe en jean", true, "Jupes > Jupes courtes", "Clothing > Skirts", "w", PAL_DENIM,
     F(FAB_DENIM, FAB_CORDUROY), F(PAT_PLAIN), CASUAL, SPRING, 39, SIZE_WOMAN, 8,
     "Boutonnée devant, ligne trapèze."},
    {SNEAKER, "casual-shoes", "Baskets en cuir", true, "Chaussures > Baskets", "Shoes", "wmu", PAL_LEATHER,
     F(FAB_LEATHER, FAB_LEATHER, FAB_SUEDE), F(PAT_PLAIN), CASUAL, -1, 49, SIZE_SHOE_M, 20,
     "Semelle cousue et doublure en cuir."},
    {CANVAS_SHOE, "casual-shoes", "Tennis en toile", true, "Chaussures > Tennis", "Shoes", "wm", PAL_ALL,
     F(FAB_CANVAS), F(PAT_PLAIN, PAT_PLAIN, PAT_GINGHAM, PAT_FLOWERS), CASUAL, SUMMER, 39, SIZE_SHOE_M, 14,
     "Toile de coton et bout en caoutchouc."},
    {BOOT, "casual-shoes", "Bottines à lacets", true, "Chaussures > Bottines", "Shoes", "wm", PAL_LEATHER,
     F(FAB_LEATHER, FAB_SUEDE), F(PAT_PLAIN), CASUAL, WINTER, 65, SIZE_SHOE_M, 10,
     "Tige haute, semelle crantée, prêtes pour l'hiver."},
    {RUNNER, "sports-shoes", "Chaussures de running", true, "Chaussures > Chaussures de sport", "Shoes", "wm",
     PAL_SPORT, F(FAB_MESH), F(PAT_PLAIN), SPORTS, -1, 79, SIZE_SHOE_M, 26,
     "Mesh aéré, amorti épais et talon stabilisé."},
    {OXFORD, "formal-shoes", "Richelieus", false, "Chaussures > Chaussures de ville", "Shoes", "mmw",
     PAL_LEATHER, F(FAB_LEATHER), F(PAT_PLAIN), FORMAL, -1, 69, SIZE_SHOE_M, 12,
     "Bout droit, laçage fermé et cuir poli à la main."},
    {LOAFER, "formal-shoes", "Mocassins", false, "Chaussures > Mocassins", "Shoes", "mw", PAL_LEATHER,
     F(FAB_LEATHER, FAB_SUEDE), F(PAT_PLAIN), FORMAL, SPRING, 59, SIZE_SHOE_M, 10,
     "Plateau cousu et mors métallique."},
    {CHELSEA, "formal-shoes", "Bottines chelsea", true, "Chaussures > Bottines", "Shoes", "mw", PAL_LEATHER,
     F(FAB_LEATHER, FAB_SUEDE), F(PAT_PLAIN), FORMAL, AUTUMN, 69, SIZE_SHOE_M, 8,
     "Élastiques sur les côtés et ligne épurée."},
    {PUMP, "heels", "Escarpins", false, "Chaussures > Escarpins", "Shoes", "w", PAL_EVENING,
     F(FAB_LEATHER, FAB_SUEDE, FAB_SATIN), F(PAT_PLAIN), PARTY, -1, 49, SIZE_SHOE_W, 14,
     "Bout pointu et talon fin qui allonge la jambe."},
    {HEEL_SANDAL, "heels", "Sandales à talons", true, "Chaussures > Sandales à talons", "Shoes", "w",
     PAL_EVENING, F(FAB_LEATHER, FAB_SATIN), F(PAT_PLAIN), PARTY, SUMMER, 45, SIZE_SHOE_W, 10,
     "Brides croisées et cheville tenue."},
    {BALLERINA, "flats", "Ballerines", true, "Chaussures > Ballerines", "Shoes", "w", PAL_ALL,
     F(FAB_LEATHER, FAB_SUEDE, FAB_SATIN), F(PAT_PLAIN), CASUAL, SPRING, 39, SIZE_SHOE_W, 22,
     "Un nœud sur le bout et une semelle souple."},
    {SANDAL, "sandals", "Sandales", true, "Chaussures > Sandales", "Shoes", "ww", PAL_LEATHER,
     F(FAB_LEATHER, FAB_SUEDE), F(PAT_PLAIN), ETHNIC, SUMMER, 39, SIZE_SHOE_W, 14,
     "Deux brides réglables et bride de cheville."},
    {MULE, "sandals", "Mules à boucles", true, "Chaussures > Mules", "Shoes", "wm", PAL_LEATHER,
     F(FAB_LEATHER, FAB_SUEDE), F(PAT_PLAIN), CASUAL, SUMMER, 39, SIZE_SHOE_M, 8,
     "Semelle en liège qui épouse le pied."},
    {TOTE, "handbag", "Cabas", false, "Sacs > Cabas", "Luggage & Bags > Handbags", "w", PAL_LEATHER,
     F(FAB_LEATHER, FAB_CANVAS, FAB_STRAW), F(PAT_PLAIN, PAT_PLAIN, PAT_STRIPES, PAT_ETHNIC), CASUAL, -1, 49,
     SIZE_ONE, 12, "Assez grand pour un ordinateur et tout le reste."},
    {SATCHEL, "handbag", "Sac à main", false, "Sacs > Sacs à main", "Luggage & Bags > Handbags", "w", PAL_ALL,
     F(FAB_LEATHER, FAB_SUEDE), F(PAT_PLAIN), FORMAL, -1, 55, SIZE_ONE, 14,
     "Porté main, rabat à fermoir tournant."},
    {BUCKET, "handbag", "Sac seau", false, "Sacs > Sacs à main", "Luggage & Bags > Handbags", "w", PAL_LEATHER,
     F(FAB_LEATHER, FAB_SUEDE), F(PAT_PLAIN), ETHNIC, -1, 52, SIZE_ONE, 8, "Coulissé par un lien de cuir."},
    {SHOULDER, "handbag", "Sac bandoulière", false, "Sacs > Sacs bandoulière", "Luggage & Bags > Handbags", "w",
     PAL_EVENING, F(FAB_LEATHER, FAB_VELVET), F(PAT_PLAIN), PARTY, -1, 49, SIZE_ONE, 10,
     "Petit format à porter croisé."},
    {CLUTCH, "clutch", "Pochette zippée", true, "Sacs > Pochettes", "Luggage & Bags > Handbags", "w",
     PAL_EVENING, F(FAB_LEATHER, FAB_VELVET, FAB_SATIN), F(PAT_PLAIN), PARTY, -1, 29, SIZE_ONE, 10,
     "Une dragonne et juste la place de l'essentiel."},
    {ENVELOPE, "clutch", "Pochette enveloppe", true, "Sacs > Pochettes", "Luggage & Bags > Handbags", "w",
     PAL_EVENING, F(FAB_LEATHER, FAB_SUEDE, FAB_SATIN), F(PAT_PLAIN), PARTY, -1, 29, SIZE_ONE, 10,
     "Rabat en pointe et bouton pression."},
    {BACKPACK, "backpack", "Sac à dos", false, "Sacs > Sacs à dos", "Luggage & Bags > Backpacks", "uum",
     PAL_SPORT, F(FAB_CANVAS, FAB_TECH, FAB_LEATHER), F(PAT_PLAIN, PAT_PLAIN, PAT_CAMOUFLAGE, PAT_GEOMETRIC),
     CASUAL, -1, 45, SIZE_ONE, 20, "Poche rembourrée, bretelles réglables, deux compartiments."},
    {DUFFEL, "bag", "Sac de voyage", false, "Sacs > Sacs de voyage", "Luggage & Bags > Duffel Bags", "u",
     PAL_LEATHER, F(FAB_CANVAS, FAB_LEATHER, FAB_TECH), F(PAT_PLAIN), CASUAL, -1, 65, SIZE_ONE, 12,
     "Un week-end entier dans un sac souple."},
    {BELT, "belt", "Ceinture", true, "Accessoires > Ceintures", "Clothing Accessories > Belts", "mw",
     PAL_LEATHER, F(FAB_LEATHER, FAB_LEATHER, FAB_SUEDE), F(PAT_PLAIN), FORMAL, -1, 17, SIZE_BELT, 20,
     "Cuir pleine fleur et boucle brossée."},
    {TIE, "tie", "Cravate", true, "Accessoires > Cravates", "Clothing Accessories > Neckties", "m", PAL_ALL,
     F(FAB_SATIN, FAB_KNIT, FAB_TWILL), F(PAT_PLAIN, PAT_STRIPES, PAT_DOTS, PAT_CHECK, PAT_GEOMETRIC), FORMAL,
     -1, 23, SIZE_ONE, 22, "Largeur classique, roulottée à la main."},
    {BOW, "tie", "Nœud papillon", false, "Accessoires > Nœuds papillon", "Clothing Accessories > Neckties", "m",
     PAL_EVENING, F(FAB_SATIN, FAB_VELVET), F(PAT_PLAIN, PAT_DOTS), PARTY, -1, 19, SIZE_ONE, 10,
     "Prénoué, tour de cou réglable."},
    {SCARF, "scarf", "Écharpe", true, "Accessoires > Écharpes", "Clothing Accessories > Scarves & Shawls",
     "wmu", PAL_COAT, F(FAB_WOOL, FAB_KNIT, FAB_RIB), F(PAT_PLAIN, PAT_TARTAN, PAT_STRIPES, PAT_CHECK), CASUAL,
     WINTER, 20, SIZE_ONE, 16, "Longue, chaude et frangée."},
    {SHAWL, "scarf", "Foulard", false, "Accessoires > Foulards", "Clothing Accessories > Scarves & Shawls", "w",
     PAL_SOFT, F(FAB_SATIN), F(PAT_FLOWERS, PAT_GEOMETRIC, PAT_ETHNIC, PAT_DOTS), ETHNIC, SPRING, 22, SIZE_ONE,
     12, "Un carré imprimé aux bords roulottés."},
    {CAP, "hat", "Casquette", true, "Accessoires > Chapeaux et casquettes", "Clothing Accessories > Hats", "um",
     PAL_SPORT, F(FAB_TWILL, FAB_CANVAS), F(PAT_PLAIN, PAT_PLAIN, PAT_CAMOUFLAGE), SPORTS, SUMMER, 17, SIZE_ONE,
     12, "Visière préformée et réglage au dos."},
    {BEANIE, "hat", "Bonnet", false, "Accessoires > Bonnets", "Clothing Accessories > Hats", "uw", PAL_COAT,
     F(FAB_RIB, FAB_CABLE), F(PAT_PLAIN), CASUAL, WINTER, 14, SIZE_ONE, 10,
     "Revers épais et maille extensible."},
    {FEDORA, "hat", "Chapeau fédora", false, "Accessoires > Chapeaux et casquettes",
     "Clothing Accessories > Hats", "wm", PAL_COAT, F(FAB_WOOL), F(PAT_PLAIN), FORMAL, AUTUMN, 29, SIZE_ONE, 8,
     "Feutre de laine et ruban gros-grain."},
    {STRAW, "hat", "Chapeau de paille", false, "Accessoires > Chapeaux et casquettes",
     "Clothing Accessories > Hats", "w", PAL_STRAW, F(FAB_STRAW), F(PAT_PLAIN), ETHNIC, SUMMER, 27, SIZE_ONE, 8,
     "Large bord et ruban contrasté."},
    {SUNGLASSES, "sunglasses", "Lunettes de soleil", true, "Accessoires > Lunettes de soleil",
     "Clothing Accessories > Sunglasses", "wmu", PAL_LEATHER, F(FAB_PLASTIC), F(PAT_PLAIN), CASUAL, SUMMER, 49,
     SIZE_ONE, 22, "Verres de catégorie 3, protection UV totale."},
    {WATCH, "watch", "Montre", true, "Bijoux et montres > Montres", "Jewelry > Watches", "wm", PAL_LEATHER,
     F(FAB_LEATHER, FAB_METAL), F(PAT_PLAIN), FORMAL, -1, 69, SIZE_ONE, 24,
     "Mouvement à quartz, étanche à cinq atmosphères."},
    {EARRINGS, "earrings", "Boucles d'oreilles pendantes", true, "Bijoux et montres > Boucles d'oreilles",
     "Jewelry > Earrings", "w", PAL_METAL, F(FAB_METAL), F(PAT_PLAIN), PARTY, -1, 13, SIZE_ONE, 14,
     "Légères, montées à la main dans notre atelier."},
    {HOOPS, "earrings", "Créoles", true, "Bijoux et montres > Boucles d'oreilles", "Jewelry > Earrings", "w",
     PAL_METAL, F(FAB_METAL), F(PAT_PLAIN), CASUAL, -1, 12, SIZE_ONE, 8, "Un classique qui va avec tout."},
    {NECKLACE, "necklace", "Collier", false, "Bijoux et montres > Colliers", "Jewelry > Necklaces", "w",
     PAL_METAL, F(FAB_METAL), F(PAT_PLAIN), PARTY, -1, 16, SIZE_ONE, 18, "Chaîne réglable et pierres serties."},
    {BRACELET, "bracelet", "Bracelet", false, "Bijoux et montres > Bracelets", "Jewelry > Bracelets", "w",
     PAL_METAL, F(FAB_METAL), F(PAT_PLAIN), PARTY, -1, 14, SIZE_ONE, 14, "À porter seul ou accumulé."},
    {SOCKS, "socks", "Chaussettes", true, "Accessoires > Chaussettes", "Clothing > Underwear & Socks > Socks",
     "um", PAL_ALL, F(FAB_RIB, FAB_JERSEY), F(PAT_STRIPES, PAT_DOTS, PAT_PLAIN, PAT_CHEVRON), CASUAL, -1, 8,
     SIZE_ONE, 16, "Talon et pointe renforcés."},
    {WALLET, "wallet", "Portefeuille", false, "Accessoires > Portefeuilles", "Clothing Accessories > Wallets",
     "mw", PAL_LEATHER, F(FAB_LEATHER), F(PAT_PLAIN), FORMAL, -1, 25, SIZE_ONE, 14,
     "Huit cartes, deux poches et un monnayeur."},
    {GLOVES, "gloves", "Gants", false, "Accessoires > Gants", "Clothing Accessories > Gloves & Mittens", "wm",
     PAL_COAT, F(FAB_LEATHER, FAB_KNIT, FAB_SUEDE), F(PAT_PLAIN), CASUAL, WINTER, 23, SIZE_ONE, 12,
     "Doublés et souples, avec poignet ajusté."},
};
#undef F
enum { CUTS = sizeof cuts / sizeof *cuts };

static const char *const brands[] = {"Atelier Maronne", "Belrive",          "Maison Ozanne", "Rue Talvère",
                                     "Les Amarres",     "Cordelier & Fils", "Solvanne",      "Nuage Blanc",
                                     "Halte",           "Petite Ourse",     "Bastide Neuve", "Vallon",
                                     "Émile Carrand",   "Lumen Sport",      "Quai Treize",   "Fauvette"};
static const char *const size_tables[][PRODUCT_SIZES + 1] = {
    [SIZE_LETTER] = {"XS", "S", "M", "L", "XL", "XXL"},
    [SIZE_WOMAN] = {"34", "36", "38", "40", "42", "44"},
    [SIZE_MAN] = {"38", "40", "42", "44", "46", "48"},
    [SIZE_JEANS] = {"W26", "W28", "W30", "W32", "W34", "W36"},
    [SIZE_SHOE_W] = {"36", "37", "38", "39", "40", "41"},
    [SIZE_SHOE_M] = {"38", "39", "40", "41", "42", "43", "44", "45"},
    [SIZE_BELT] = {"85", "90", "95", "100", "105"},
    [SIZE_ONE] = {"TU"},
};

size_t product_cuts(void) { return CUTS; }
const char *product_category(const struct product *p) { return p->cut->category; }
const char *product_type(const struct product *p) { return p->cut->type; }
const char *product_google(const struct product *p) { return p->cut->google; }
const char *product_style(const struct product *p, bool kagl) { return styles[p->style][kagl]; }
const char *product_season(const struct product *p, bool kagl) { return seasons[p->season][kagl]; }
const char *product_material(const struct product *p, bool en)
{
    return en ? fabrics[p->fabric].en : fabrics[p->fabric].fr;
}
const char *product_pattern(const struct product *p, bool en)
{
    return en ? patterns[p->pattern].en : patterns[p->pattern].fr;
}
bool product_stands(const struct product *p) { return p->cut->id >= SNEAKER && p->cut->id <= DUFFEL; }
bool product_lies_flat(const struct product *p) { return p->cut->id <= SKIRT_DENIM; }

const char *product_gender(const struct product *p, bool kagl)
{
    if (p->gender == 'u') return kagl ? "Unisex" : "mixte";
    if (p->gender == 'm') return kagl ? "Men" : "homme";
    return kagl ? "Women" : "femme";
}

static int pick(struct rng *r, const signed char *list)
{
    int n = 0;
    while (list[n] >= 0)
        n++;
    return list[rng_below(r, n)];
}

static const struct cut *choose_cut(struct rng *r, int number)
{
    if (number < CUTS) return &cuts[number]; /* each at least once */
    int total = 0;
    for (int i = 0; i < CUTS; i++)
        total += cuts[i].weight;
    int at = rng_below(r, total), i = 0;
    while (at >= cuts[i].weight)
        at -= cuts[i++].weight;
    return &cuts[i];
}

static struct rgb shade_of(const struct colour *c, struct rng *r)
{
    struct rgb s = rgb_hex(c->shades[rng_below(r, 3)]);
    return rgb_scale(s, rng_range(r, .96, 1.04));
}

/* Colours that go with the base in a pattern. */
static void companions(struct product *p, struct rng *r)
{
    static const signed char light[] = {1, 7, 6, 12, 16, 29, -1}, dark[] = {2, 0, 11, 18, 21, 10, 8, -1},
                             warm[] = {17, 14, 10, 9, 28, 15, -1};
    bool is_dark = rgb_luma(p->shade[0]) < .5;
    p->second = &colours[pick(r, is_dark ? light : dark)];
    p->third = &colours[pick(r, warm)];
    if (p->third == p->colour) p->third = &colours[1];
    p->shade[1] = shade_of(p->second, r);
    p->shade[2] = shade_of(p->third, r);
    if (p->pattern == PAT_CAMOUFLAGE) {
        p->colour = &colours[19];
        p->shade[0] = rgb_hex(0x6f7048);
        p->shade[1] = rgb_hex(0x4c5136);
        p->shade[2] = rgb_hex(0x9a8a63);
    } else if (p->pattern == PAT_PINSTRIPE && is_dark) {
        p->shade[1] = rgb_mix(p->shade[0], rgb_hex(0xffffff), .45);
    } else if (p->pattern == PAT_TARTAN) {
        p->shade[1] = is_dark ? rgb_mix(p->shade[0], rgb_hex(0xe8dcc8), .6) : rgb_hex(0x2a3344);
    }
}

static void choose_attributes(struct product *p, struct rng *r)
{
    const struct cut *c = p->cut;
    p->fabric = (enum fabric)pick(r, c->fabrics);
    p->pattern = (enum pattern)pick(r, c->patterns);
    p->colour = &colours[pick(r, palettes[c->palette])];
    if (p->fabric == FAB_STRAW) p->colour = &colours[pick(r, palettes[PAL_STRAW])];
    p->shade[0] = shade_of(p->colour, r);
    companions(p, r);
    p->gender = c->genders[rng_below(r, (int)strlen(c->genders))];
    p->style = c->style;
    if (p->pattern == PAT_ETHNIC)
        p->style = ETHNIC;
    else if ((p->fabric == FAB_VELVET || p->fabric == FAB_SATIN) && c->id <= SKIRT_DENIM && c->id != BOMBER)
        p->style = PARTY;
    else if (p->style == FORMAL && rng_chance(r, .15))
        p->style = CASUAL;
    p->season = c->season >= 0 ? c->season : rng_below(r, 4);
    if (p->fabric == FAB_LINEN) p->season = SUMMER;
    if (p->fabric == FAB_TWEED || p->fabric == FAB_VELVET) p->season = p->season == SUMMER ? AUTUMN : p->season;
}

static void choose_price(struct product *p, struct rng *r)
{
    double euros = p->cut->price * fabrics[p->fabric].dear * rng_range(r, .8, 1.35);
    p->price_cents = (int)(euros + .5) * 100 - 1;
    if (p->price_cents > 6000)
        p->price_cents = ((int)(euros + 2.5) / 5 * 5) * 100 - (rng_chance(r, .5) ? 100 : 0);
    p->sale_cents = -1;
    if (rng_chance(r, .22)) {
        static const double off[] = {.8, .7, .6, .5};
        p->sale_cents = (int)(p->price_cents * off[rng_below(r, 4)] / 100) * 100 + 99;
        if (p->sale_cents >= p->price_cents) p->sale_cents = -1;
    }
}

static void choose_words(struct product *p, struct rng *r)
{
    static const char *const first[] = {
        "Un essentiel du vestiaire, pensé pour durer.", "La pièce que l'on garde d'une saison à l'autre.",
        "Notre équipe l'a dessinée à Lyon, dans un esprit simple et juste.",
        "Une allure nette, un confort de tous les jours.", "Facile à assortir, agréable à porter."};
    static const char *const last[] = {"Lavage à 30 degrés.", "Fabriqué au Portugal.", "Fabriqué en France.",
                                       "Matière certifiée, teinture sans métaux lourds.",
                                       "Confectionné en petite série."};
    const struct cut *c = p->cut;
    const char *colour = c->fem ? p->colour->fr_fem : p->colour->fr, *plural = "";
    size_t n = strlen(c->title);
    bool many = (c->id >= SNEAKER && c->id <= MULE) || c->id == SUNGLASSES || c->id == EARRINGS ||
                c->id == HOOPS || c->id == SOCKS || c->id == GLOVES;
    bool takes_s =
        many && !strchr(colour, ' ') && strcmp(colour, "marron") != 0 && strcmp(colour, "orange") != 0 &&
        strcmp(colour, "camel") != 0 && strcmp(colour, "bordeaux") != 0 && strcmp(colour, "crème") != 0 &&
        strcmp(colour, "kaki") != 0 && strcmp(colour, "moutarde") != 0 && strcmp(colour, "rouille") != 0 &&
        strcmp(colour, "turquoise") != 0 && strcmp(colour, "lavande") != 0 && strcmp(colour, "fuchsia") != 0 &&
        strcmp(colour, "pêche") != 0 && strcmp(colour, "gris") != 0;
    if (takes_s) plural = "s";
    const char *cloth = fabrics[p->fabric].fr;
    bool say_cloth = !strstr(c->title, " en ") && n < 24 && p->fabric != FAB_JERSEY && p->fabric != FAB_TWILL &&
                     p->fabric != FAB_METAL && p->fabric != FAB_PLASTIC && p->fabric != FAB_TECH &&
                     p->fabric != FAB_MESH && c->id != STRAW && c->id != FEDORA;
    const char *pattern = c->fem ? patterns[p->pattern].title_fem : patterns[p->pattern].title;
    snprintf(p->title, sizeof p->title, "%s%s%s%s %s%s", c->title, say_cloth ? " en " : "",
             say_cloth ? cloth : "", pattern, colour, plural);
    snprintf(p->description, sizeof p->description, "%s %s %s Coloris %s. %s", first[rng_below(r, 5)], c->says,
             p->gender == 'm'   ? "Coupe homme."
             : p->gender == 'w' ? "Coupe femme."
                                : "Coupe mixte.",
             p->colour->fr, last[rng_below(r, 5)]);
    snprintf(p->id, sizeof p->id, "PND-%04d", p->number + 1);
}

static void choose_sizes(struct product *p, struct rng *r)
{
    enum sizes s = p->cut->sizes;
    if (s == SIZE_MAN && p->gender == 'w') s = SIZE_WOMAN;
    if (s == SIZE_SHOE_M && p->gender == 'w') s = SIZE_SHOE_W;
    int n = 0, from = s == SIZE_SHOE_M && p->gender == 'm' ? 2 : 0;
    for (int i = from; i < PRODUCT_SIZES && size_tables[s][i]; i++)
        if (s == SIZE_ONE || i == 2 || rng_chance(r, .85)) p->sizes[n++] = size_tables[s][i];
    p->sizes[n] = NULL;
}

void product_choose(struct product *p, uint64_t seed, int number)
{
    struct rng r = {rng_mix(seed, (uint64_t)number + 1)};
    *p = (struct product){.number = number, .seed = rng_mix(seed ^ 0xd1b54a32d192ed03u, (uint64_t)number + 1)};
    p->cut = choose_cut(&r, number);
    choose_attributes(p, &r);
    choose_price(p, &r);
    p->brand = p->style == SPORTS && rng_chance(&r, .5)
                   ? "Lumen Sport"
                   : brands[rng_below(&r, (int)(sizeof brands / sizeof *brands))];
    choose_sizes(p, &r);
    choose_words(p, &r);
}
