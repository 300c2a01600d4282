// The page: from a photo or words to products. State lives here; the other modules draw it.
import { $, h, say, toast } from './dom.js';
import { lang, setLanguage, startLanguage, t, translatePage } from './i18n.js';
import { label, learn, learnFacets } from './labels.js';
import * as api from './api.js';
import * as filters from './filters.js';
import { card, openProduct, pieceLabels, skeletons } from './cards.js';
import { NotAPicture, prepare } from './photo.js';
import { startAccount } from './account.js';
import { startWardrobe } from './wardrobe.js';

const state = {
  mode: 'home',            // 'home', 'photo' or 'search'
  query: '',
  photo: null,             // what is sent: a JPEG of at most 1,024 px
  pieces: [],
  piece: -1,               // the one tapped; -1: the whole photo
  chosen: filters.empty(),
  facets: {},
  shops: [],
  page: null,              // the last answer
  shown: 0,
};
const GARMENT = 0.5;       // below this probability the photo shows no garment
let running = null;        // the request under way: a newer one cancels it

// --- what is on the page ---------------------------------------------------------------------------

function show(mode) {
  state.mode = mode;
  $('intro').hidden = mode !== 'home';
  $('work').hidden = mode === 'home';
  $('look').hidden = mode !== 'photo';
  $('work').classList.toggle('with-look', mode === 'photo');
}

const shopName = () => (state.chosen.shop && state.shops.find((s) => s.id === state.chosen.shop)?.name) || '';

function title() {
  if (state.mode === 'search') return state.query ? t('forWords', state.query) : t('browse');
  const x = state.pieces[state.piece];
  return x?.category ? t('forPiece', label(x.category).toLocaleLowerCase(lang())) : t('forPhoto');
}

function heading(note) {
  $('results-title').textContent = title();
  $('results-note').textContent = note;
  document.title = state.mode === 'home' ? 'Penderie' : `${title()} – Penderie`;
}

function waiting() {
  $('state').hidden = true;
  $('more').hidden = true;
  $('grid').hidden = false;
  $('grid').setAttribute('aria-busy', 'true');
  $('grid').replaceChildren(...skeletons(8));
  state.shown = 0;
  heading(t(state.mode === 'photo' ? 'looking' : 'searching'));
  filters.showActive(state.chosen, state.shops, changeFilters);
}

function message(headline, help, action, reference) {
  $('grid').hidden = true;
  $('grid').setAttribute('aria-busy', 'false');
  $('more').hidden = true;
  $('state').hidden = false;
  $('state').replaceChildren(h('h2', {}, headline), ...(help ? [h('p', {}, help)] : []), ...(action ? [action] : []), ...(reference ? [h('code', {}, `${t('reference')} ${reference}`)] : []));
  heading('');
  say(headline);
}

function failure(e, again) {
  if (e.name === 'AbortError') return;
  const retry = h('button', { type: 'button', class: 'button', onclick: again }, t('retry'));
  if (e instanceof NotAPicture) message(t('notPicture'), '', h('label', { class: 'button', for: 'file' }, t('choose')));
  else if (e instanceof api.NoNetwork) message(t('noNetwork'), t('offline'), retry);
  else if (e instanceof api.Problem && e.status === 413) message(t('tooLarge'), e.message, retry, e.request);
  else if (e instanceof api.Problem) message(t('failed'), e.message, retry, e.request);
  else { message(t('failed'), '', retry); console.error(e); }
}

function append(answer) {
  const start = state.shown;
  const cards = answer.items.map((p, i) => card(p, { token: answer.token, shopName: shopName(), eager: start + i < 6, index: i, open: (x) => openProduct(x, state.chosen.shop, answer.token) }));
  if (start === 0) $('grid').replaceChildren(...cards);
  else $('grid').append(...cards);
  state.shown += cards.length;
  $('more').hidden = !answer.next;
  return cards;
}

function results(answer) {
  state.page = answer;
  state.facets = answer.facets;
  learnFacets(answer.facets);
  $('grid').setAttribute('aria-busy', 'false');
  if (!answer.items.length) {
    const clear = filters.count(state.chosen) ? h('button', { type: 'button', class: 'button', onclick: () => changeFilters(filters.empty()) }, t('clear')) : null;
    message(t('none'), t('noneHelp'), clear);
    return;
  }
  $('state').hidden = true;
  $('grid').hidden = false;
  append(answer);
  const counted = filters.count(state.chosen) > 0 || (state.mode === 'search' && !state.query); // else all are ranked, the whole house
  const order = counted ? t('found', answer.matched) : t(state.mode === 'photo' ? 'nearest' : 'best');
  const note = answer.corrected ? `${t('corrected', answer.corrected)} · ${order}` : order;
  heading(note);
  say(note);
}

// --- the photo ---------------------------------------------------------------------------------------

function drawPieces() {
  const press = (i) => { state.piece = i; drawPieces(); ask(); };
  const many = state.pieces.length > 1;
  $('boxes').replaceChildren(...state.pieces.map((x, i) => {
    if (!x.box) return '';
    const name = x.category ? label(x.category) : t('piece');
    const box = h('button', { type: 'button', class: 'box', 'aria-label': name, 'aria-pressed': String(i === state.piece || !many), onclick: () => many && press(i) }, h('span', {}, name));
    for (const [k, v] of [['left', x.box.x], ['top', x.box.y], ['width', x.box.w], ['height', x.box.h]]) box.style[k] = `${(v * 100).toFixed(2)}%`;
    box.style.animationDelay = `${i * 90}ms`;
    return box;
  }).filter(Boolean));
  const list = state.pieces.map((x, i) => (many
    ? h('button', { type: 'button', class: 'piece', 'aria-pressed': String(i === state.piece), onclick: () => press(i) }, pieceLabels(x))
    : h('div', { class: 'piece' }, pieceLabels(x))));
  const note = many ? h('p', { class: 'small-title' }, t('pieces', state.pieces.length)) : '';
  const whole = many && state.piece >= 0 ? h('button', { type: 'button', class: 'button quiet', onclick: () => press(-1) }, t('all')) : '';
  $('pieces').replaceChildren(note, ...list, whole);
}

async function askPhoto(signal) {
  const answer = await api.recommend(state.photo, state.pieces.length > 1 ? state.piece : -1, state.chosen, null, signal);
  if (signal.aborted) return null;
  if (!state.pieces.length) {
    const [alone] = answer.pieces;
    if (answer.garment >= GARMENT) state.pieces = answer.pieces.length > 1 ? answer.pieces : [{ ...answer.whole, box: alone?.box ?? null }];
    $('scan').hidden = true;
    drawPieces();
  }
  if (!state.pieces.length) {
    message(t('noGarment'), t('noGarmentHelp'), h('label', { class: 'button', for: 'file' }, t('another')));
    return null;
  }
  return answer;
}

/** Asks the service for what the state says, and shows it. */
async function ask() {
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  waiting();
  try {
    const answer = state.mode === 'photo' ? await askPhoto(signal) : await api.search(state.query, state.chosen, null, signal);
    if (!signal.aborted && answer) results(answer);
  } catch (e) {
    if (!signal.aborted) failure(e, ask);
  } finally {
    if (!signal.aborted) $('scan').hidden = true;
  }
}

async function usePhoto(file) {
  if (!file) return;
  running?.abort();
  try {
    show('photo');
    $('boxes').replaceChildren();
    $('pieces').replaceChildren();
    $('scan').hidden = false;
    Object.assign(state, { pieces: [], piece: -1, chosen: filters.empty(), query: '' });
    $('q').value = '';
    waiting();
    window.scrollTo({ top: 0 });
    state.photo = await prepare(file, $('photo'));
    const canvas = $('photo');
    canvas.parentElement.style.maxWidth = `calc(${(canvas.width / canvas.height).toFixed(4)} * 70vh)`;
    history.pushState({ photo: true }, '', '/');
    await ask();
    $('results-title').focus({ preventScroll: true });
  } catch (e) {
    $('scan').hidden = true;
    failure(e, () => usePhoto(file));
  }
}

async function more() {
  const { page } = state;
  $('more').disabled = true;
  try {
    const next = state.mode === 'photo'
      ? await api.recommend(state.photo, state.pieces.length > 1 ? state.piece : -1, state.chosen, page.next)
      : await api.search(state.query, state.chosen, page.next);
    if (page !== state.page) return; // another search came in between
    state.page = { ...next, facets: page.facets };
    const cards = append(next);
    cards[0]?.querySelector('.card-open')?.focus();
  } catch (e) {
    toast(e instanceof api.NoNetwork ? t('noNetwork') : e.message);
  } finally {
    $('more').disabled = false;
  }
}

// --- words -------------------------------------------------------------------------------------------

function searchFor(words, remember = true) {
  closeSuggestions();
  state.query = words.trim();
  state.chosen = filters.empty();
  $('q').value = state.query;
  show('search');
  if (remember) history.pushState({ q: state.query }, '', `/?q=${encodeURIComponent(state.query)}`);
  window.scrollTo({ top: 0 });
  return ask();
}

let suggested = [];
let picked = -1;
let asking = null;
function closeSuggestions() {
  $('suggestions').hidden = true;
  $('q').setAttribute('aria-expanded', 'false');
  $('q').removeAttribute('aria-activedescendant');
  picked = -1;
}

function pick(i) {
  picked = i;
  [...$('suggestions').children].forEach((e, k) => e.setAttribute('aria-selected', String(k === i)));
  if (i >= 0) $('q').setAttribute('aria-activedescendant', `s${i}`);
  else $('q').removeAttribute('aria-activedescendant');
}

async function suggest() {
  const words = $('q').value.trim();
  asking?.abort();
  if (words.length < 2) { closeSuggestions(); return; }
  asking = new AbortController();
  const { signal } = asking;
  try {
    suggested = await api.suggest(words, signal);
  } catch { suggested = []; }
  if (signal.aborted || document.activeElement !== $('q')) return;
  $('suggestions').replaceChildren(...suggested.map((s, i) => h('li', { id: `s${i}`, role: 'option', 'aria-selected': 'false', onmousedown: (e) => { e.preventDefault(); searchFor(s); } }, s)));
  $('suggestions').hidden = suggested.length === 0;
  $('q').setAttribute('aria-expanded', String(suggested.length > 0));
  pick(-1);
}

function startSearch() {
  let timer = 0;
  $('search').addEventListener('submit', (e) => {
    e.preventDefault();
    clearTimeout(timer);
    asking?.abort();
    const words = picked >= 0 ? suggested[picked] : $('q').value;
    $('q').blur();
    searchFor(words);
  });
  $('q').addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(suggest, 140); });
  $('q').addEventListener('blur', () => { clearTimeout(timer); closeSuggestions(); });
  $('q').addEventListener('keydown', (e) => {
    if ($('suggestions').hidden) return;
    if (e.key === 'ArrowDown') pick((picked + 1) % suggested.length);
    else if (e.key === 'ArrowUp') pick((picked + suggested.length) % (suggested.length + 1) - (picked === 0 ? 1 : 0));
    else if (e.key === 'Escape') closeSuggestions();
    else return;
    e.preventDefault();
  });
}

// --- filters -----------------------------------------------------------------------------------------

function changeFilters(next) {
  state.chosen = next;
  return ask();
}

function startFilters() {
  const dialog = $('filter-dialog');
  $('open-filters').addEventListener('click', () => {
    filters.fillForm(state.chosen, state.facets, state.shops);
    dialog.showModal();
    $('filter-fields').focus({ preventScroll: true });
  });
  $('filter-form').addEventListener('submit', () => changeFilters(filters.readForm()));
  $('filter-clear').addEventListener('click', () => { dialog.close(); changeFilters(filters.empty()); });
  for (const d of [dialog, $('product-dialog')]) {
    d.addEventListener('click', (e) => { if (e.target === d) d.close(); });
    d.querySelector('.close').addEventListener('click', () => d.close());
  }
}

// --- the rest ----------------------------------------------------------------------------------------

async function takeSample(photo) {
  try {
    const answer = await fetch(photo.url);
    if (!answer.ok) throw new api.Problem(answer.status, null, 0);
    await usePhoto(await answer.blob());
  } catch {
    toast(t('noNetwork'));
  }
}

async function loadSamples() {
  let photos = [];
  try { photos = await api.samples(); } catch { /* a house without a demonstration has none */ }
  $('sample-list').replaceChildren(...photos.map((photo, i) => h('li', {}, h('button', { type: 'button', 'aria-label': t('sample', i + 1), onclick: () => takeSample(photo) },
    h('img', { src: photo.thumbnail ?? photo.url, alt: '', width: 150, height: 200, loading: i < 8 ? 'eager' : 'lazy', decoding: 'async' })))));
  $('samples').hidden = photos.length === 0;
}

async function loadNames() {
  const [cats, shops] = await Promise.allSettled([api.categories(), api.shops()]);
  if (cats.status === 'fulfilled') for (const c of cats.value) { learn('fr', c.value, c.fr); learn('en', c.value, c.en); }
  if (shops.status === 'fulfilled') {
    state.shops = [{ id: '', name: t('web') }, ...shops.value.filter((s) => s.id)];
  }
}

function startPhoto() {
  for (const id of ['camera', 'file']) $(id).addEventListener('change', (e) => { usePhoto(e.target.files[0]); e.target.value = ''; });
  const drop = $('drop');
  for (const type of ['dragenter', 'dragover']) document.addEventListener(type, (e) => { e.preventDefault(); drop.classList.add('over'); });
  for (const type of ['dragleave', 'drop']) document.addEventListener(type, (e) => { e.preventDefault(); drop.classList.remove('over'); });
  document.addEventListener('drop', (e) => usePhoto(e.dataTransfer?.files[0]));
  document.addEventListener('paste', (e) => { const f = [...(e.clipboardData?.files ?? [])].find((x) => x.type.startsWith('image/')); if (f) usePhoto(f); });
}

function goHome() {
  running?.abort();
  show('home');
  heading('');
  $('q').value = '';
}

async function changeLanguage(l) {
  setLanguage(l);
  translatePage();
  await loadNames();
  if (state.mode === 'photo') drawPieces();
  if (state.mode !== 'home') await ask();
  else loadSamples();
}

function start() {
  startLanguage();
  translatePage();
  startSearch();
  startFilters();
  startPhoto();
  $('more').addEventListener('click', more);
  $('home').addEventListener('click', (e) => { e.preventDefault(); history.pushState({}, '', '/'); goHome(); $('main').focus({ preventScroll: true }); });
  for (const b of document.querySelectorAll('[data-lang]')) b.addEventListener('click', () => changeLanguage(b.dataset.lang));
  const network = () => { $('offline').hidden = navigator.onLine; };
  window.addEventListener('online', network);
  window.addEventListener('offline', network);
  network();
  document.addEventListener('scroll', () => document.querySelector('.top').classList.toggle('lined', window.scrollY > 8), { passive: true });
  const arrive = () => {
    const q = new URLSearchParams(location.search).get('q');
    if (q !== null) searchFor(q, false);
    else if (history.state?.photo && state.photo) { show('photo'); ask(); }
    else goHome();
  };
  window.addEventListener('popstate', arrive);
  loadNames();
  loadSamples();
  arrive();
  startWardrobe();
  startAccount();
}

start();
