/*
 * The words that people agree to. A change of meaning is a new version in front; the older ones stay for as long as anybody
 * may have agreed to them (the register names the version). Written to be understood at first reading: what, why, how
 * long, what happens on withdrawal.
 */
#include "privacy/privacy_internal.h"

#include <string.h>

const struct consent_text consent_texts[] = {
    {"2026-11", CONSENT_RECOMMENDATION, "fr",
     "J'accepte que ma photo soit conservée, chiffrée, et analysée automatiquement pour reconnaître les "
     "vêtements qui y "
     "figurent et me recommander des articles. Les visages sont floutés et les données techniques de la photo "
     "(lieu, "
     "date, appareil) supprimées avant tout enregistrement. Personne ne la regarde ; elle n'est transmise à "
     "aucun "
     "tiers. Je peux retirer mon accord à tout moment, aussi simplement que je le donne : la photo et tout ce "
     "qui en a "
     "été tiré sont alors effacés aussitôt. Refuser ne m'empêche pas d'utiliser le reste du service."},
    {"2026-11", CONSENT_RECOMMENDATION, "en",
     "I agree that my photo is kept, encrypted, and analysed automatically to recognise the clothes in it and "
     "recommend "
     "articles to me. Faces are blurred and the photo's technical data (place, date, device) removed before "
     "anything "
     "is stored. Nobody looks at it; it is passed to no third party. I can withdraw at any time, as easily as "
     "I agree: "
     "the photo and all that was derived from it are then erased at once. Refusing does not keep me from using "
     "the "
     "rest of the service."},
    {"2026-11", CONSENT_TRYON, "fr",
     "J'accepte que cette photo serve à me montrer des articles comme si je les portais (essayage virtuel). "
     "Pour cela "
     "seulement, mon visage peut rester visible si je le choisis ; aucune empreinte de mon visage ou de mon "
     "corps n'est "
     "calculée ni conservée. Les images d'essayage sont chiffrées et effacées avec la photo, ou dès que je "
     "retire cet "
     "accord. Les recommandations fonctionnent sans cet accord."},
    {"2026-11", CONSENT_TRYON, "en",
     "I agree that this photo is used to show me articles as if I wore them (virtual try-on). For this alone "
     "my face may "
     "stay visible if I choose so; no print of my face or body is computed or kept. Try-on pictures are "
     "encrypted, and "
     "erased with the photo or as soon as I withdraw this consent. Recommendations work without it."},
    {"2026-11", CONSENT_IMPROVEMENT, "fr",
     "J'accepte que cette photo, visage flouté, et mes corrections de ses étiquettes servent à améliorer la "
     "reconnaissance des vêtements. Elles ne quittent pas le service. Si je retire cet accord, elles ne "
     "servent plus à "
     "aucun entraînement suivant ; un modèle déjà entraîné ne permet pas de retrouver la photo. Les "
     "recommandations "
     "fonctionnent sans cet accord."},
    {"2026-11", CONSENT_IMPROVEMENT, "en",
     "I agree that this photo, with faces blurred, and my corrections of its labels are used to improve how "
     "clothes are "
     "recognised. They do not leave the service. If I withdraw this consent they serve no further training; a "
     "model that "
     "was trained already does not allow the photo to be found again. Recommendations work without it."},
    {0}};

const struct consent_text *consent_text_find(struct str version, enum consent_purpose purpose,
                                             struct str language)
{
    for (const struct consent_text *t = consent_texts; t->version; t++)
        if (t->purpose == purpose && str_eqz(version, t->version) && str_eqz(language, t->language)) return t;
    return NULL;
}
