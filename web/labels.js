// Names of the taxonomy's values as shoppers read them, and colours as dots. A label that the API brings
// with a value comes over these.
import { lang } from './i18n.js';

const fr = {
  't-shirt': 'T-shirt', longsleeve: 'T-shirt à manches longues', shirt: 'Chemise', top: 'Haut', tunic: 'Tunique', sweater: 'Pull', sweatshirt: 'Sweat', jacket: 'Veste ou manteau', blazer: 'Blazer', waistcoat: 'Gilet', dress: 'Robe',
  jumpsuit: 'Combinaison', saree: 'Sari', set: 'Ensemble', trousers: 'Pantalon', jeans: 'Jean', joggers: 'Pantalon de sport', leggings: 'Legging', shorts: 'Short', skirt: 'Jupe', briefs: 'Slip ou caleçon', bra: 'Soutien-gorge', undershirt: 'Débardeur',
  nightwear: 'Vêtement de nuit', swimwear: 'Maillot de bain', socks: 'Chaussettes', 'casual-shoes': 'Chaussures décontractées', 'sports-shoes': 'Chaussures de sport', 'formal-shoes': 'Chaussures de ville', heels: 'Talons', flats: 'Ballerines',
  sandals: 'Sandales', 'flip-flops': 'Tongs', handbag: 'Sac à main', clutch: 'Pochette', backpack: 'Sac à dos', bag: 'Autre sac', wallet: 'Portefeuille', belt: 'Ceinture', tie: 'Cravate', cufflinks: 'Boutons de manchette', scarf: 'Écharpe ou foulard',
  gloves: 'Gants', hat: 'Chapeau ou casquette', sunglasses: 'Lunettes de soleil', watch: 'Montre', earrings: 'Boucles d’oreilles', necklace: 'Collier', bracelet: 'Bracelet', ring: 'Bague', 'jewellery-set': 'Parure', beauty: 'Beauté', other: 'Autre',
  Black: 'Noir', White: 'Blanc', Blue: 'Bleu', Brown: 'Marron', Grey: 'Gris', Red: 'Rouge', Green: 'Vert', Pink: 'Rose', 'Navy Blue': 'Bleu marine', Purple: 'Violet', Silver: 'Argenté', Yellow: 'Jaune', Beige: 'Beige', Gold: 'Doré', Maroon: 'Brun rouge', Orange: 'Orange',
  Olive: 'Vert olive', Multi: 'Multicolore', Cream: 'Crème', Steel: 'Acier', Charcoal: 'Anthracite', Peach: 'Pêche', 'Off White': 'Blanc cassé', Skin: 'Chair', Lavender: 'Lavande', 'Grey Melange': 'Gris chiné', Khaki: 'Kaki', Magenta: 'Fuchsia', Teal: 'Bleu canard',
  Tan: 'Camel', Mustard: 'Moutarde', Bronze: 'Bronze', Copper: 'Cuivre', 'Turquoise Blue': 'Turquoise', Rust: 'Rouille', Burgundy: 'Bordeaux', Metallic: 'Métallisé', 'Coffee Brown': 'Café', Mauve: 'Mauve', Rose: 'Vieux rose', Nude: 'Nude', 'Sea Green': 'Vert d’eau',
  'Mushroom Brown': 'Brun', Taupe: 'Taupe', 'Lime Green': 'Vert citron', 'Fluorescent Green': 'Vert fluo', Women: 'Femme', Men: 'Homme', Unisex: 'Mixte', Girls: 'Fille', Boys: 'Garçon', Spring: 'Printemps', Summer: 'Été', Fall: 'Automne', Winter: 'Hiver',
  cotton: 'Coton', linen: 'Lin', wool: 'Laine', silk: 'Soie', denim: 'Denim', leather: 'Cuir', suede: 'Daim', velvet: 'Velours', corduroy: 'Velours côtelé', satin: 'Satin', viscose: 'Viscose', polyester: 'Polyester', nylon: 'Nylon', canvas: 'Toile', straw: 'Paille', lace: 'Dentelle',
  knit: 'Maille', tweed: 'Tweed', cashmere: 'Cachemire', rubber: 'Caoutchouc', metal: 'Métal', solid: 'Uni', plain: 'Uni', striped: 'Rayures', checked: 'Carreaux', floral: 'Fleurs', dotted: 'Pois', 'polka dot': 'Pois', geometric: 'Géométrique', ethnic: 'Ethnique', 'colour block': 'Color block',
  Casual: 'Décontracté', Formal: 'Formel', Sports: 'Sport', Ethnic: 'Bohème', Party: 'Soirée', 'Smart Casual': 'Chic décontracté', Travel: 'Voyage', Home: 'Maison',
};
const en = {
  't-shirt': 'T-shirt', longsleeve: 'Long-sleeved top', shirt: 'Shirt', top: 'Top', jacket: 'Jacket or coat', jeans: 'Jeans', 'casual-shoes': 'Casual shoes', 'sports-shoes': 'Sports shoes', 'formal-shoes': 'Formal shoes', 'flip-flops': 'Flip-flops', bag: 'Other bag', hat: 'Hat or cap',
  set: 'Clothing set', 'jewellery-set': 'Jewellery set', Fall: 'Autumn', Ethnic: 'Bohemian', Multi: 'Multicoloured', Tan: 'Camel',
};
const dots = {
  Black: '#222326', White: '#ffffff', Blue: '#3f6ca8', Brown: '#6b4a33', Grey: '#8d9196', Red: '#b3262e', Green: '#2f7350', Pink: '#e3a3b0', 'Navy Blue': '#1f2f4d', Purple: '#5f3f78', Silver: '#c3c6cb', Yellow: '#e9c84a', Beige: '#d5c3a6', Gold: '#c9a14a', Maroon: '#5e2b26',
  Orange: '#d9702e', Olive: '#6a6a3c', Cream: '#efe6d3', Steel: '#8a9299', Charcoal: '#43464b', Peach: '#f0b795', 'Off White': '#f4f1ea', Skin: '#e0b998', Lavender: '#b3a5cf', 'Grey Melange': '#a3a5a8', Khaki: '#857c5a', Magenta: '#c02f72', Teal: '#1f6670', Tan: '#b98757',
  Mustard: '#c4932f', Bronze: '#8c6a3f', Copper: '#a9683f', 'Turquoise Blue': '#3fa9a8', Rust: '#a4502c', Burgundy: '#6a1f2f', Metallic: '#a9adb3', 'Coffee Brown': '#4b3527', Mauve: '#a583a3', Rose: '#c98b8b', Nude: '#dcb9a0', 'Sea Green': '#8fc0ab', 'Mushroom Brown': '#9b8b7c',
  Taupe: '#8b7d70', 'Lime Green': '#a5c63b', 'Fluorescent Green': '#7ee03a',
};

const named = ['category', 'colour', 'gender', 'season', 'style', 'material', 'pattern'];
const given = { fr: new Map(), en: new Map() };
/** Labels from GET /v1/categories and the like. */
export function learn(language, value, text) { if (value && text) given[language].set(value, text.charAt(0).toUpperCase() + text.slice(1)); }
/** The labels of an answer's facets: {field: [{value, label}]}. */
export function learnFacets(facets) { for (const field of named) for (const f of facets[field] ?? []) learn(lang(), f.value, f.label); }

export function label(value) {
  if (!value) return '';
  const known = given[lang()].get(value) ?? (lang() === 'fr' ? fr[value] : en[value]);
  if (known) return known;
  return value.charAt(0).toUpperCase() + value.slice(1).replaceAll('-', ' ');
}
export const dot = (colour) => dots[colour] ?? null;
