// The page's own words, in French and English, and how numbers are written in each.

const words = {
  fr: {
    skip: 'Aller au contenu', offline: 'Vous êtes hors ligne. La recherche reprendra avec la connexion.', search: 'Rechercher', suggestions: 'Suggestions', language: 'Langue',
    placeholder: 'Robe fleurie, veste en lin…', eyebrow: 'Recherche par l’image', headline: 'Montrez-nous une pièce que vous aimez.',
    lead: 'Photographiez un vêtement : nous le reconnaissons, puis nous cherchons dans nos boutiques ce qui lui ressemble.',
    drop: 'Déposez une photo ici', camera: 'Prendre une photo', choose: 'Choisir une photo', privacy: 'Votre photo est analysée, puis oubliée : elle n’est pas conservée.',
    samples: 'Ou essayez avec l’une de celles-ci', sample: (n) => `Photo d’exemple ${n}`, yourPhoto: 'Votre photo', another: 'Une autre photo', filters: 'Filtrer', close: 'Fermer',
    clear: 'Tout effacer', apply: 'Voir les articles', more: 'Voir plus', footPrivacy: 'Aucun traceur. Sans compte, la photo sert à la recherche, rien de plus.',
    looking: 'Nous regardons votre photo…', searching: 'Recherche…', forPhoto: 'Pour votre photo', forPiece: (what) => `Comme votre pièce : ${what}`, forWords: (q) => `« ${q} »`, similarTo: 'Dans le même esprit',
    found: (n) => (n > 1 ? `${n} articles` : n === 1 ? '1 article' : 'Aucun article'), corrected: (q) => `Résultats pour « ${q} »`,
    pieces: (n) => (n > 1 ? `${n} pièces reconnues. Touchez-en une.` : 'Une pièce reconnue'), sure: (p) => `sûr à ${p} %`, unsure: 'nous hésitons', piece: 'Pièce', all: 'Toute la photo',
    none: 'Rien ne correspond à ces critères.', noneHelp: 'Élargissez les filtres, ou décrivez autrement ce que vous cherchez.', noGarment: 'Nous ne voyons pas de vêtement sur cette photo.',
    noGarmentHelp: 'Essayez avec la pièce seule, bien éclairée, sur un fond simple.', failed: 'La recherche n’a pas abouti.', retry: 'Réessayer', noNetwork: 'Pas de connexion au serveur.', busy: 'Beaucoup de monde en ce moment. Nous réessayons…',
    tooLarge: 'Cette image est trop lourde.', notPicture: 'Ce fichier n’est pas une image que nous savons lire.', reference: 'Référence',
    category: 'Type', colour: 'Couleur', gender: 'Pour', size: 'Taille', price: 'Prix', shop: 'Boutique', sale: 'Promotions', onSale: 'En promotion', available: 'Disponible tout de suite', web: 'Boutique en ligne', style: 'Style', season: 'Saison', brand: 'Marque', material: 'Matière', pattern: 'Motif',
    from: 'De (€)', to: 'À (€)', remove: (what) => `Retirer le filtre ${what}`, inStock: 'Disponible', inShop: (s) => `Disponible à ${s}`, outOfStock: 'Épuisé', like: (t) => `J’aime : ${t}`, dislike: (t) => `Pas pour moi : ${t}`, liked: 'Noté, merci.',
    disliked: 'Noté. Nous en montrerons moins.', before: 'Prix avant réduction', now: 'Prix réduit', sizes: 'Tailles', notAvailable: 'épuisée', similar: 'Dans le même esprit', see: 'Voir chez le marchand', shops: 'En boutique', noPrice: 'Prix en boutique',
    browse: 'La collection', nearest: 'Les plus proches d’abord', best: 'Les plus pertinents d’abord',
  },
  en: {
    skip: 'Skip to content', offline: 'You are offline. Searching resumes with the connection.', search: 'Search', suggestions: 'Suggestions', language: 'Language',
    placeholder: 'Floral dress, linen jacket…', eyebrow: 'Search by picture', headline: 'Show us a piece you love.',
    lead: 'Photograph a garment: we recognise it, then look through our shops for what resembles it.',
    drop: 'Drop a photo here', camera: 'Take a photo', choose: 'Choose a photo', privacy: 'Your photo is analysed, then forgotten: it is not kept.',
    samples: 'Or try one of these', sample: (n) => `Sample photo ${n}`, yourPhoto: 'Your photo', another: 'Another photo', filters: 'Filter', close: 'Close',
    clear: 'Clear all', apply: 'Show products', more: 'Show more', footPrivacy: 'No tracker. Without an account, the photo serves the search, nothing else.',
    looking: 'Looking at your photo…', searching: 'Searching…', forPhoto: 'For your photo', forPiece: (what) => `Like your piece: ${what}`, forWords: (q) => `“${q}”`, similarTo: 'In the same spirit',
    found: (n) => (n === 1 ? '1 product' : n ? `${n} products` : 'No product'), corrected: (q) => `Results for “${q}”`,
    pieces: (n) => (n > 1 ? `${n} pieces recognised. Tap one.` : 'One piece recognised'), sure: (p) => `${p}% sure`, unsure: 'not sure', piece: 'Piece', all: 'The whole photo',
    none: 'Nothing matches these filters.', noneHelp: 'Widen the filters, or describe it in other words.', noGarment: 'We see no garment in this photo.',
    noGarmentHelp: 'Try the piece alone, well lit, on a plain background.', failed: 'The search did not succeed.', retry: 'Try again', noNetwork: 'No connection to the server.', busy: 'A busy moment. Trying again…',
    tooLarge: 'This picture is too large.', notPicture: 'This file is not a picture we can read.', reference: 'Reference',
    category: 'Kind', colour: 'Colour', gender: 'For', size: 'Size', price: 'Price', shop: 'Shop', sale: 'Offers', onSale: 'On sale', available: 'In stock now', web: 'Online shop', style: 'Style', season: 'Season', brand: 'Brand', material: 'Material', pattern: 'Pattern',
    from: 'From (€)', to: 'To (€)', remove: (what) => `Remove filter ${what}`, inStock: 'In stock', inShop: (s) => `In stock at ${s}`, outOfStock: 'Sold out', like: (t) => `I like it: ${t}`, dislike: (t) => `Not for me: ${t}`, liked: 'Noted, thank you.',
    disliked: 'Noted. You will see fewer of these.', before: 'Price before', now: 'Reduced price', sizes: 'Sizes', notAvailable: 'sold out', similar: 'In the same spirit', see: 'See at the shop', shops: 'In shops', noPrice: 'Price in shops',
    browse: 'The collection', nearest: 'The closest first', best: 'The most relevant first',
  },
};

/** Words of a part of the page that brings its own. */
export function addWords(l, more) { Object.assign(words[l], more); }

let current = 'fr';
export const lang = () => current;

export function t(key, ...args) {
  const value = words[current][key] ?? words.fr[key] ?? key;
  return typeof value === 'function' ? value(...args) : value;
}

const stored = () => { try { return localStorage.getItem('penderie.lang'); } catch { return null; } };
export function startLanguage() {
  const wanted = stored() ?? (navigator.languages ?? [navigator.language]).map((l) => l.slice(0, 2)).find((l) => words[l]);
  current = words[wanted] ? wanted : 'fr';
}
export function setLanguage(l) {
  current = l;
  try { localStorage.setItem('penderie.lang', l); } catch { /* private mode: for this visit only */ }
}

export function translatePage() {
  document.documentElement.lang = current;
  for (const e of document.querySelectorAll('[data-t]')) e.textContent = t(e.dataset.t);
  for (const e of document.querySelectorAll('[data-l]')) e.setAttribute('aria-label', t(e.dataset.l));
  for (const e of document.querySelectorAll('[data-p]')) e.setAttribute('placeholder', t(e.dataset.p));
  for (const e of document.querySelectorAll('[data-lang]')) e.setAttribute('aria-pressed', String(e.dataset.lang === current));
}

export function money(value, currency = 'EUR') {
  if (value === null || value === undefined) return '';
  return new Intl.NumberFormat(current === 'fr' ? 'fr-FR' : 'en-IE', { style: 'currency', currency, minimumFractionDigits: Number.isInteger(value) ? 0 : 2 }).format(value);
}
