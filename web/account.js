// Sign-up, sign-in and the account, in a sheet of its own. The tokens are in cookies that no script can read: this page only
// remembers that somebody signed in, so that it does not ask for an account nobody has.
import { $, h, say, toast } from './dom.js';
import { addWords, t } from './i18n.js';
import * as api from './api.js';

addWords('fr', {
  account: 'Compte', signIn: 'Se connecter', signUp: 'Créer un compte', signOut: 'Se déconnecter', signOutAll: 'Me déconnecter partout', email: 'Adresse e-mail', password: 'Mot de passe', newPassword: 'Nouveau mot de passe',
  currentPassword: 'Mot de passe actuel', passwordHelp: '10 caractères au moins.', ofAge: 'Je confirme avoir 15 ans ou plus.', noAccountYet: 'Pas encore de compte ?', haveAccount: 'Vous avez un compte ?', forgot: 'Mot de passe oublié ?',
  accountLead: 'Un compte garde votre garde-robe et vos préférences, chiffrées. Sans compte, tout le reste fonctionne.', code: 'Code de votre application', codeHelp: 'Ou l’un de vos codes de secours.', sendLink: 'Recevoir un lien', resetLead: 'Si cette adresse a un compte, nous lui envoyons un lien valable une heure.',
  linkSent: 'Si cette adresse a un compte, le lien est en route.', choosePassword: 'Choisir un mot de passe', save: 'Enregistrer', saved: 'Enregistré.', welcome: 'Vous êtes connecté.', bye: 'Vous êtes déconnecté.', signedInAs: 'Connecté avec', since: (d) => `Compte ouvert le ${d}`,
  changeEmail: 'Changer d’adresse', changePassword: 'Changer de mot de passe', secondFactor: 'Double authentification', secondFactorOn: 'Active : un code est demandé à la connexion.', secondFactorLead: 'Un code de votre téléphone en plus du mot de passe.', turnOn: 'Activer', turnOff: 'Désactiver',
  secretLead: 'Ajoutez cette clé dans votre application d’authentification, puis saisissez le code qu’elle affiche.', recoveryLead: 'Conservez ces codes de secours en lieu sûr. Chacun sert une fois.', confirmed: 'Adresse confirmée. Connectez-vous.', confirmSent: 'Votre compte est prêt. Connectez-vous ; si un lien vous a été envoyé, ouvrez-le d’abord.',
  signinFailed: 'La connexion n’a pas abouti.', signinAge: 'Confirmez d’abord votre âge, puis réessayez.', withIssuer: (n) => `Continuer avec ${n}`, wrong: 'Adresse, mot de passe ou code incorrect.', wrongPassword: 'Le mot de passe ou le code est incorrect.', tooMany: 'Trop d’essais. Réessayez dans un quart d’heure.', badEmail: 'Cette adresse ne peut pas être utilisée.',
  badPassword: 'Ce mot de passe est trop court ou trop facile à deviner.', badLink: 'Ce lien n’est plus valable. Demandez-en un autre.', badCode: 'Ce n’est pas le code actuel.', back: 'Retour',
});
addWords('en', {
  account: 'Account', signIn: 'Sign in', signUp: 'Create an account', signOut: 'Sign out', signOutAll: 'Sign out everywhere', email: 'E-mail address', password: 'Password', newPassword: 'New password',
  currentPassword: 'Current password', passwordHelp: 'At least 10 characters.', ofAge: 'I confirm that I am 15 or older.', noAccountYet: 'No account yet?', haveAccount: 'You have an account?', forgot: 'Forgot the password?',
  accountLead: 'An account keeps your wardrobe and your preferences, encrypted. Without one, all the rest works.', code: 'Code from your app', codeHelp: 'Or one of your recovery codes.', sendLink: 'Send me a link', resetLead: 'If this address has an account, we mail it a link that is good for an hour.',
  linkSent: 'If this address has an account, the link is on its way.', choosePassword: 'Choose a password', save: 'Save', saved: 'Saved.', welcome: 'You are signed in.', bye: 'You are signed out.', signedInAs: 'Signed in as', since: (d) => `Account opened on ${d}`,
  changeEmail: 'Change the address', changePassword: 'Change the password', secondFactor: 'Second factor', secondFactorOn: 'On: a code is asked for at sign-in.', secondFactorLead: 'A code from your phone besides the password.', turnOn: 'Turn on', turnOff: 'Turn off',
  secretLead: 'Add this key to your authenticator app, then type the code it shows.', recoveryLead: 'Keep these recovery codes in a safe place. Each works once.', confirmed: 'Address confirmed. Sign in.', confirmSent: 'Your account is ready. Sign in; if you were sent a link, open it first.',
  signinFailed: 'Signing in did not succeed.', signinAge: 'Confirm your age first, then try again.', withIssuer: (n) => `Continue with ${n}`, wrong: 'Address, password or code is wrong.', wrongPassword: 'The password or the code is wrong.', tooMany: 'Too many attempts. Try again in a quarter of an hour.', badEmail: 'This address cannot be used.',
  badPassword: 'This password is too short or too easy to guess.', badLink: 'This link has ended. Ask for another.', badCode: 'This is not the current code.', back: 'Back',
});

const FLAG = 'penderie.signed';
const remembered = () => { try { return localStorage.getItem(FLAG) === '1'; } catch { return false; } };
const remember = (on) => { try { if (on) localStorage.setItem(FLAG, '1'); else localStorage.removeItem(FLAG); } catch { /* private mode: for this visit only */ } };

let me = null;
/** Who is signed in: {id, email, roles, ...}, or null. `penderie-account` is fired on document when it changes. */
export const current = () => me;
function become(account) {
  me = account;
  remember(me !== null);
  $('account-open').classList.toggle('on', me !== null);
  document.dispatchEvent(new CustomEvent('penderie-account', { detail: me }));
}

const json = (method, body) => ({ method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
const send = (path, method, body) => api.call(path, json(method, body), 0);

/** A new access token for an ended one. Tabs take turns: a refresh token that is used twice ends the session. */
async function renew() {
  if (!remembered()) return false;
  const once = async () => {
    const answer = await fetch('/v1/sessions/refresh', { ...json('POST', {}), credentials: 'same-origin' });
    if (answer.status === 401) become(null);
    return answer.ok;
  };
  const asked = Date.now();
  const turn = async () => {
    const last = Number(localStorage.getItem('penderie.renewed')) || 0;
    if (last > asked) return true; // another tab has done it meanwhile
    const done = await once();
    if (done) localStorage.setItem('penderie.renewed', String(Date.now()));
    return done;
  };
  try { return navigator.locks ? await navigator.locks.request('penderie-session', turn) : await once(); } catch { return false; }
}
api.session.renew = renew;

// --- the sheet ---------------------------------------------------------------------------------------

const field = (name, key, attributes = {}, help = '') => h('label', { class: 'field' }, t(key), h('input', { name, required: true, ...attributes }), help ? h('small', {}, help) : null);
const emailField = () => field('email', 'email', { type: 'email', autocomplete: 'username', maxlength: '254', autocapitalize: 'none', spellcheck: 'false' });
const passwordField = (isNew, name = 'password', key = isNew ? 'newPassword' : 'password') => field(name, key, { type: 'password', autocomplete: isNew ? 'new-password' : 'current-password', maxlength: '256', ...(isNew ? { minlength: '10' } : {}) }, isNew ? t('passwordHelp') : '');
const codeField = () => field('code', 'code', { inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: '24' }, t('codeHelp'));
const go = (key, view, ...more) => h('button', { type: 'button', class: 'button quiet', onclick: () => show(view, ...more) }, t(key));

function reason(e) {
  if (e instanceof api.NoNetwork) return t('noNetwork');
  return { 401: t('wrong'), 403: t('wrongPassword'), 404: t('badLink'), 409: t('badEmail'), 429: t('tooMany') }[e.status] ?? e.message;
}

/** A form that sends, shows what went wrong, and cannot be sent twice. */
function form(button, body, submit, words = {}) {
  const fault = h('p', { class: 'fault', role: 'alert', hidden: true });
  const press = h('button', { type: 'submit', class: 'button primary' }, t(button));
  return h('form', { class: 'stack', onsubmit: async (event) => {
    event.preventDefault();
    press.disabled = true;
    fault.hidden = true;
    try {
      await submit(Object.fromEntries(new FormData(event.target)));
    } catch (e) {
      if (!(e instanceof api.Problem) && !(e instanceof api.NoNetwork)) console.error(e);
      fault.textContent = words[e.status] ?? reason(e);
      fault.hidden = false;
    } finally {
      press.disabled = false;
    }
  } }, ...body, fault, press);
}

async function arrived(answer) {
  remember(true);
  become(await api.call('/v1/account'));
  $('account-dialog').close();
  toast(t('welcome'));
  return answer;
}

async function issuerButtons() {
  let items = [];
  try { items = (await api.call('/v1/sessions/oidc')).items; } catch { /* then there are none to offer */ }
  return items.map((i) => h('button', { type: 'button', class: 'button', onclick: () => {
    const age = $('account-body').querySelector('input[name="of_age"]')?.checked ? '&of_age=true' : '';
    location.assign(`/v1/sessions/oidc/start?issuer=${encodeURIComponent(i.name)}${age}`);
  } }, t('withIssuer', i.label)));
}

const ageBox = (required) => h('label', { class: 'check' }, h('input', { type: 'checkbox', name: 'of_age', required }), t('ofAge'));

const views = {
  async signIn(note) {
    const code = codeField();
    code.hidden = true;
    code.querySelector('input').required = false;
    const submit = async ({ email, password, code: typed }) => {
      const answer = await send('/v1/sessions', 'POST', { email, password, cookie: true, ...(typed ? { code: typed } : {}) });
      if (answer.state === 'signed-in') return arrived(answer);
      code.hidden = false;
      code.querySelector('input').focus();
      return null;
    };
    return [note ? h('p', { class: 'note', role: 'status' }, note) : h('p', { class: 'muted' }, t('accountLead')), form('signIn', [emailField(), passwordField(false), code], submit),
      h('div', { class: 'stack' }, await issuerButtons()), h('div', { class: 'links' }, go('signUp', 'signUp'), go('forgot', 'forgot'))];
  },
  async signUp() {
    const submit = async ({ email, password }) => {
      await send('/v1/accounts', 'POST', { email, password, of_age: true });
      let answer = null;
      try { answer = await send('/v1/sessions', 'POST', { email, password, cookie: true }); } catch (e) { if (e.status !== 401) throw e; }
      return answer?.state === 'signed-in' ? arrived(answer) : show('signIn', t('confirmSent'));
    };
    return [h('p', { class: 'muted' }, t('accountLead')), form('signUp', [emailField(), passwordField(true), ageBox(true)], submit, { 400: t('badEmail'), 422: t('badPassword') }),
      h('div', { class: 'stack' }, await issuerButtons()), h('div', { class: 'links' }, go('signIn', 'signIn'))];
  },
  forgot() {
    const submit = async ({ email }) => { await send('/v1/password-resets', 'POST', { email }); await show('signIn', t('linkSent')); };
    return [h('p', { class: 'muted' }, t('resetLead')), form('sendLink', [emailField()], submit), h('div', { class: 'links' }, go('back', 'signIn'))];
  },
  reset(token) {
    const submit = async ({ password }) => { await send('/v1/password-resets/confirm', 'POST', { token, password }); become(null); await show('signIn', t('saved')); };
    return [form('save', [passwordField(true)], submit, { 422: t('badPassword') })];
  },
  account(note) {
    const day = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: 'long', timeZone: 'UTC' }).format(new Date(me.joined));
    const out = async (all) => { await api.call(`/v1/sessions${all ? '?all=true' : ''}`, { method: 'DELETE' }, 0); become(null); $('account-dialog').close(); toast(t('bye')); };
    return [note ? h('p', { class: 'note', role: 'status' }, note) : null,
      h('section', {}, h('p', { class: 'small-title' }, t('signedInAs')), h('p', { class: 'who' }, me.email ?? me.roles.join(', ')), h('p', { class: 'muted' }, t('since', day))),
      h('section', { class: 'rows' }, go('changeEmail', 'email'), me.password ? go('changePassword', 'password') : null, go('secondFactor', 'factor')),
      h('section', { class: 'rows' }, h('button', { type: 'button', class: 'button', onclick: () => out(false) }, t('signOut')), h('button', { type: 'button', class: 'button quiet', onclick: () => out(true) }, t('signOutAll')))];
  },
  email() {
    const submit = async (body) => { become(await send('/v1/account', 'PATCH', body)); await show('account', t('saved')); };
    return [form('save', [emailField(), me.password ? passwordField(false, 'password', 'currentPassword') : null], submit, { 400: t('badEmail') }), h('div', { class: 'links' }, go('back', 'account'))];
  },
  password() {
    const submit = async (body) => { become(await send('/v1/account', 'PATCH', body)); await show('account', t('saved')); };
    return [form('save', [passwordField(false, 'password', 'currentPassword'), passwordField(true, 'new_password')], submit, { 422: t('badPassword') }), h('div', { class: 'links' }, go('back', 'account'))];
  },
  factor() {
    const links = h('div', { class: 'links' }, go('back', 'account'));
    if (me.second_factor) {
      const submit = async ({ code }) => { await api.call('/v1/account/totp', { method: 'DELETE', headers: { 'TOTP-Code': code } }, 0); become(await api.call('/v1/account')); await show('account', t('saved')); };
      return [h('p', { class: 'muted' }, t('secondFactorOn')), form('turnOff', [codeField()], submit, { 400: t('badCode'), 403: t('badCode') }), links];
    }
    const submit = async ({ password }) => { await show('secret', await send('/v1/account/totp', 'POST', password ? { password } : {})); };
    return [h('p', { class: 'muted' }, t('secondFactorLead')), form('turnOn', [me.password ? passwordField(false, 'password', 'currentPassword') : null], submit), links];
  },
  secret({ secret, uri }) {
    const submit = async ({ code }) => { const { recovery_codes: codes } = await send('/v1/account/totp/confirm', 'POST', { code }); become(await api.call('/v1/account')); await show('recovery', codes); };
    return [h('p', { class: 'muted' }, t('secretLead')), h('p', {}, h('a', { href: uri, class: 'secret' }, secret.replace(/(.{4})(?=.)/g, '$1 '))), form('turnOn', [codeField()], submit, { 422: t('badCode') })];
  },
  recovery(codes) {
    return [h('p', { class: 'muted' }, t('recoveryLead')), h('ul', { class: 'codes' }, codes.map((c) => h('li', {}, c))), h('div', { class: 'links' }, go('back', 'account'))];
  },
};
const titles = { signIn: 'signIn', signUp: 'signUp', forgot: 'forgot', reset: 'choosePassword', account: 'account', email: 'changeEmail', password: 'changePassword', factor: 'secondFactor', secret: 'secondFactor', recovery: 'secondFactor' };

async function show(view, ...given) {
  const parts = await views[view](...given);
  $('account-title').textContent = t(titles[view]);
  $('account-body').replaceChildren(...parts.filter(Boolean));
  if (!$('account-dialog').open) $('account-dialog').showModal();
  $('account-body').scrollTop = 0;
  ($('account-body').querySelector('input') ?? $('account-body')).focus({ preventScroll: true });
  say(t(titles[view]));
}

/** Opens the sheet: the account, or the way to one. */
export const openAccount = () => show(me ? 'account' : 'signIn');

/** What mailed links and sign-in elsewhere put behind the #. It is taken off the address at once. */
async function arriveFrom(hash) {
  const [what, token] = hash.slice(1).split('=');
  if (!['reset', 'confirm', 'account', 'signed-in', 'signin-failed', 'signin-age'].includes(what)) return;
  history.replaceState(history.state, '', location.pathname + location.search);
  if (what === 'reset') await show('reset', token);
  if (what === 'confirm') {
    try { await send('/v1/accounts/confirm', 'POST', { token }); await show('signIn', t('confirmed')); } catch { await show('signIn', t('badLink')); }
  }
  if (what === 'account') await openAccount();
  if (what === 'signed-in') { become(await api.call('/v1/account')); toast(t('welcome')); }
  if (what === 'signin-failed') await show('signIn', t('signinFailed'));
  if (what === 'signin-age') await show('signUp');
}

export async function startAccount() {
  const dialog = $('account-dialog');
  $('account-open').addEventListener('click', openAccount);
  dialog.addEventListener('click', (e) => { if (e.target === dialog) dialog.close(); });
  dialog.querySelector('.close').addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => $('account-body').replaceChildren()); // no password stays in the page
  if (location.hash) await arriveFrom(location.hash);
  if (remembered() && !me) {
    try { become(await api.call('/v1/account')); } catch (e) { if (e.status === 401) become(null); }
  }
}
