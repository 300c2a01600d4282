// Drives the page in Chromium, as a phone and as a desktop. Called by run.sh, which prepares the data.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values: options } = parseArgs({ options: Object.fromEntries(['program', 'data', 'web', 'chromium', 'screenshots'].map((n) => [n, { type: 'string' }])) });
const axeSource = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WAIT = 30_000;

function serve() {
  const server = spawn(options.program, ['serve', '--data', options.data, '--port', '0', '--set', `web_dir=${options.web}`, '--set', 'log_level=warn'], { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((done, fail) => {
    let text = '';
    const late = setTimeout(() => { server.kill(); fail(new Error('the program does not say where it serves')); }, 60_000);
    server.on('exit', (code) => fail(new Error(`the program ended with status ${code}`)));
    server.stdout.on('data', (bytes) => {
      text += bytes;
      const found = /https:\/\/localhost:(\d+)/.exec(text);
      if (found) { clearTimeout(late); done({ server, base: found[0] }); }
    });
  });
}

let passed = 0, failed = 0;
const devices = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  desktop: { viewport: { width: 1440, height: 900 } },
  dark: { viewport: { width: 1440, height: 900 }, colorScheme: 'dark' },
};

/** A test with a page of its own; complaints of the browser (console, CSP, requests elsewhere) fail it. */
async function test(browser, base, device, name, body, { locale = 'fr-FR', expected = [] } = {}) {
  const context = await browser.newContext({ ...devices[device], ignoreHTTPSErrors: true, locale, reducedMotion: 'reduce' });
  context.setDefaultTimeout(WAIT);
  const page = await context.newPage();
  const complaints = [];
  const complain = (text) => { if (!expected.some((e) => text.includes(e))) complaints.push(text); };
  page.on('console', (m) => { if (['error', 'warning'].includes(m.type())) complain(m.text()); });
  page.on('pageerror', (e) => complain(e.message));
  page.on('request', (r) => { if (!/^(blob|data):/.test(r.url()) && !r.url().startsWith(base)) complain(`a request left the house: ${r.url()}`); });
  await page.addInitScript(() => document.addEventListener('securitypolicyviolation', (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`)));
  try {
    await page.goto(base);
    await body({ page, context, shot: (what) => page.screenshot({ path: `${options.screenshots}/${device}-${what}.png` }) });
    assert.deepEqual(complaints, []);
    passed += 1;
    console.log(`ok      ${device}: ${name}`);
  } catch (e) {
    failed += 1;
    console.log(`FAILED  ${device}: ${name}\n        ${String(e.message ?? e).split('\n').slice(0, 12).join('\n        ')}`);
    if (complaints.length) console.log(`        the browser said: ${complaints.slice(0, 5).join(' | ')}`);
    await page.screenshot({ path: `${options.screenshots}/failed-${device}-${name.replace(/\W+/g, '-')}.png` }).catch(() => {});
  } finally {
    await context.close();
  }
}

async function accessible(page, what) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => window.axe.run());
  assert.deepEqual(violations.map((v) => `${what}: ${v.id}: ${v.nodes[0].html.slice(0, 160)}`), []);
}

const cards = (page) => page.locator('#grid .card:not(.skeleton)');
const settled = (page) => page.waitForSelector('#grid[aria-busy="false"] .card:not(.skeleton)');
const titles = async (page) => (await page.locator('#grid .card-open').allTextContents()).map((t) => t.toLowerCase());
async function noSideways(page) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(over <= 0, `the page is ${over} px wider than the screen`);
}
async function searchWords(page, words) {
  await page.fill('#q', words);
  const answer = page.waitForResponse((r) => r.url().includes('/v1/search?'));
  await page.press('#q', 'Enter');
  assert.equal((await answer).status(), 200);
  await settled(page);
}

async function home({ page, shot }) {
  await page.waitForSelector('#sample-list img');
  assert.equal(await page.locator('html').getAttribute('lang'), 'fr');
  assert.match(await page.locator('.privacy').textContent(), /pas conservée/);
  assert.equal(await page.locator('#sample-list button').count(), 24);
  await noSideways(page);
  await accessible(page, 'home');
  await shot('home');
}

/** A sample photo: sent small, pieces and products shown, one piece asked for. */
async function photo({ page, shot }) {
  await page.evaluate(() => { // the browser does not tell the size of a form with files
    const { append } = FormData.prototype;
    FormData.prototype.append = function noted(name, value, ...rest) { window.sent = value.size; return append.call(this, name, value, ...rest); };
  });
  await page.locator('#sample-list button').first().click();
  await settled(page);
  const sent = await page.evaluate(() => window.sent);
  assert.ok(sent > 10_000 && sent < 600_000, `${sent} bytes were sent`);
  assert.ok(await cards(page).count() >= 8);
  assert.ok(await page.locator('.piece').count() >= 1);
  assert.ok(await page.locator('.piece .dot').count() >= 1, 'a piece shows its colours');
  assert.ok(await page.locator('.reason').count() >= 1, 'products say why');
  const size = await page.evaluate(() => [document.getElementById('photo').width, document.getElementById('photo').height]);
  assert.deepEqual(size, [768, 1024]);
  const box = page.locator('.box').first();
  if (await box.count()) {
    const inside = await box.evaluate((b) => { const f = b.parentElement.getBoundingClientRect(), r = b.getBoundingClientRect(); return r.left >= f.left - 1 && r.right <= f.right + 1 && r.top >= f.top - 1 && r.bottom <= f.bottom + 1 && r.width > 20; });
    assert.ok(inside, 'the box lies on the photo');
  }
  await noSideways(page);
  await accessible(page, 'photo');
  await page.waitForTimeout(400);
  await shot('photo');
  if (await page.locator('button.piece').count() > 1) {
    const again = page.waitForRequest((r) => /recommendations\?.*piece=1/.test(r.url()));
    await page.locator('button.piece').nth(1).click();
    await again;
    await settled(page);
    assert.equal(await page.locator('button.piece').nth(1).getAttribute('aria-pressed'), 'true');
  }
}

/** A file of one's own, chosen from the disk. */
async function upload({ page, shot }) {
  await page.setInputFiles('#file', `${options.data}/demo/wardrobe/photo-07.jpg`);
  await settled(page);
  assert.ok(await cards(page).count() >= 8);
  const broken = await page.locator('#grid .card img').evaluateAll((all) => all.filter((i) => i.complete && i.naturalWidth === 0).length);
  assert.equal(broken, 0, 'pictures that did not load');
  await shot('upload');
}

async function notPicture({ page }) {
  await page.setInputFiles('#file', { name: 'notes.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture at all') });
  await page.waitForSelector('#state h2');
  assert.match(await page.locator('#state h2').textContent(), /n’est pas une image/);
}

async function search({ page, shot }) {
  await searchWords(page, 'robe');
  assert.ok((await titles(page)).slice(0, 5).every((t) => /robe/.test(t)), (await titles(page)).slice(0, 5).join(', '));
  assert.match(page.url(), /\?q=robe/);
  await noSideways(page);
  await accessible(page, 'search');
  await page.evaluate(() => Promise.all([...document.querySelectorAll('#grid img')].slice(0, 8).map((i) => i.decode().catch(() => {}))));
  await shot('search');
  await searchWords(page, 'chaussures');
  await page.goBack();
  await page.waitForFunction(() => document.getElementById('q').value === 'robe');
}

async function suggestions({ page }) {
  const last = page.waitForResponse((r) => /[?&]q=rob(&|$)/.test(r.url()));
  await page.locator('#q').pressSequentially('rob', { delay: 30 });
  await last; // an earlier answer's list would be replaced under the arrow key
  await page.waitForTimeout(100);
  await page.waitForSelector('#suggestions li');
  assert.equal(await page.locator('#q').getAttribute('aria-expanded'), 'true');
  await page.press('#q', 'ArrowDown');
  const active = await page.locator('#q').getAttribute('aria-activedescendant');
  const text = await page.locator(`#${active}`).textContent();
  await page.press('#q', 'Enter');
  await settled(page);
  assert.equal(await page.locator('#q').inputValue(), text);
}

async function filter({ page, shot }) {
  await searchWords(page, 'chemise');
  await page.click('#open-filters');
  await page.waitForSelector('#filter-dialog[open]');
  await accessible(page, 'filters');
  await page.waitForTimeout(300);
  await shot('filters');
  const colour = page.locator('#filter-form input[name="colour"]').first();
  const value = await colour.getAttribute('value');
  await colour.check();
  await page.fill('#filter-form input[name="price_max"]', '500');
  const answer = page.waitForResponse((r) => r.url().includes('/v1/search?') && r.url().includes('price_max=500'));
  await page.locator('#filter-form button[type="submit"]').click();
  const { items } = await (await answer).json();
  await settled(page);
  assert.ok(items.length > 0);
  assert.ok(items.every((i) => i.colour === value && (i.sale_price ?? i.price) <= 500));
  assert.equal(await page.locator('#active .chip').count(), 2);
  assert.equal(await page.locator('#filter-count').textContent(), '2');
  const without = page.waitForResponse((r) => r.url().includes('/v1/search?') && !r.url().includes('colour='));
  await page.locator('#active .chip').first().click();
  await without;
  await page.waitForFunction(() => document.querySelectorAll('#active .chip').length === 1);
}

async function shop({ page }) {
  await searchWords(page, 'robe');
  await page.click('#open-filters');
  await page.selectOption('#filter-shop', 'lyon-presquile');
  const answer = page.waitForResponse((r) => r.url().includes('shop=lyon-presquile'));
  await page.locator('#filter-form button[type="submit"]').click();
  assert.equal((await answer).status(), 200);
  await settled(page);
  assert.match(await page.locator('#active').textContent(), /Lyon/);
}

async function nothing({ page, shot }) {
  await searchWords(page, 'robe');
  await page.click('#open-filters');
  await page.fill('#filter-form input[name="price_max"]', '1');
  await page.locator('#filter-form button[type="submit"]').click();
  await page.waitForSelector('#state h2');
  assert.match(await page.locator('#state h2').textContent(), /Rien ne correspond/);
  await accessible(page, 'nothing');
  await shot('nothing');
  await page.locator('#state button').click();
  await settled(page);
}

async function productSheet({ page, shot }) {
  await searchWords(page, 'robe');
  await page.locator('.card-open').first().click();
  await page.waitForSelector('#product-dialog[open] .similar .card:not(.skeleton)');
  assert.ok(await page.locator('#product-dialog .size').count() >= 1);
  await accessible(page, 'product');
  await page.waitForTimeout(400);
  await shot('product');
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('#product-dialog[open]').count(), 0);
  assert.ok(await page.evaluate(() => document.activeElement.classList.contains('card-open')), 'focus comes back');
}

async function feedback({ page }) {
  await searchWords(page, 'robe');
  const answer = page.waitForResponse((r) => r.url().endsWith('/v1/feedback'));
  await page.locator('.card').first().hover();
  await page.locator('.verdict button').first().click();
  assert.equal((await answer).status(), 204);
  assert.equal(await page.locator('.verdict button').first().getAttribute('aria-pressed'), 'true');
}

async function language({ page, shot }) {
  await page.click('[data-lang="en"]');
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  assert.match(await page.locator('h1:visible').textContent(), /Show us a piece/);
  assert.match(await page.locator('.privacy').textContent(), /not kept/);
  await searchWords(page, 'red dress');
  assert.ok((await titles(page)).slice(0, 3).every((t) => /robe/.test(t)));
  assert.doesNotMatch((await page.locator('.reason').allTextContents()).join(' '), /Même|cherchez/);
  await shot('english');
  await page.reload();
  await settled(page);
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
}

const inEnglish = async ({ page }) => assert.equal(await page.locator('html').getAttribute('lang'), 'en');

async function more({ page }) {
  await page.goto(`${page.url().split('?')[0]}?q=`);
  await settled(page);
  const before = await cards(page).count();
  await page.locator('#more').click();
  await page.waitForFunction((n) => document.querySelectorAll('#grid .card').length > n, before);
  const all = await page.locator('#grid .card-open').allTextContents();
  assert.ok(all.length > before);
}

async function keyboard({ page }) {
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
  await page.locator('#q').focus();
  await page.keyboard.type('veste');
  await page.keyboard.press('Enter');
  await settled(page);
  await page.locator('.card-open').first().focus();
  await page.keyboard.press('Enter');
  await page.waitForSelector('#product-dialog[open]');
  await page.keyboard.press('Escape');
}

async function trouble({ page }) {
  await page.route('**/v1/search?*', (route) => route.fulfill({ status: 500, contentType: 'application/problem+json', body: JSON.stringify({ title: 'Internal error', status: 500, detail: 'Something went wrong here.', request_id: 'abc123' }) }), { times: 1 });
  await page.fill('#q', 'robe');
  await page.press('#q', 'Enter');
  await page.waitForSelector('#state h2');
  assert.match(await page.locator('#state').textContent(), /Something went wrong here\..*abc123/s);
  await page.locator('#state button').click();
  await settled(page);
}

async function offline({ page, context }) {
  await context.setOffline(true);
  await page.waitForSelector('#offline:not([hidden])');
  await page.fill('#q', 'robe');
  await page.press('#q', 'Enter');
  await page.waitForSelector('#state h2');
  assert.match(await page.locator('#state h2').textContent(), /Pas de connexion/);
  await context.setOffline(false);
  await page.locator('#state button').click();
  await settled(page);
  assert.ok(await page.locator('#offline').isHidden());
}

/** Sign-up, sign-out, sign-in and the account's screens; a session that ends is renewed without a word. */
async function account({ page, shot }) {
  const email = `p${Date.now()}${Math.floor(Math.random() * 1e6)}@example.org`;
  const password = 'a long enough password';
  const shown = (title) => page.waitForFunction((x) => document.getElementById('account-title').textContent === x, title);
  await page.click('#account-open');
  await shown('Se connecter');
  await accessible(page, 'sign-in');
  await page.waitForTimeout(500);
  await shot('sign-in');
  await page.getByRole('button', { name: 'Créer un compte' }).click();
  await shown('Créer un compte');
  await page.fill('#account-body input[name="email"]', email);
  await page.fill('#account-body input[name="password"]', password);
  assert.equal(await page.locator('#account-body input[name="of_age"]').isChecked(), false, 'nothing is ticked beforehand');
  await page.check('#account-body input[name="of_age"]');
  await noSideways(page);
  await accessible(page, 'sign-up');
  await shot('sign-up');
  await page.click('#account-body button[type="submit"]');
  await page.waitForSelector('#account-open.on');
  assert.equal(await page.evaluate(() => document.cookie), '', 'no script can read the tokens');
  await page.click('#account-open');
  await shown('Compte');
  assert.equal(await page.locator('#account-body .who').textContent(), email);
  await accessible(page, 'account');
  await noSideways(page);
  await shot('account');
  await page.getByRole('button', { name: 'Double authentification' }).click();
  await page.fill('#account-body input[name="password"]', password);
  await page.click('#account-body button[type="submit"]');
  await page.waitForSelector('#account-body .secret');
  await accessible(page, 'second factor');
  await page.click('#account-dialog .close');
  await page.reload();
  await page.waitForSelector('#account-open.on');
  await page.click('#account-open');
  await page.getByRole('button', { name: 'Se déconnecter', exact: true }).click();
  await page.waitForSelector('#account-open:not(.on)');
  await page.click('#account-open');
  await page.fill('#account-body input[name="email"]', email);
  await page.fill('#account-body input[name="password"]', 'not the password');
  await page.click('#account-body button[type="submit"]');
  await page.waitForSelector('#account-body .fault:not([hidden])');
  await page.fill('#account-body input[name="password"]', password);
  await page.click('#account-body button[type="submit"]');
  await page.waitForSelector('#account-open.on');
  await page.context().clearCookies({ name: '__Host-penderie' });
  await page.reload();
  await page.waitForSelector('#account-open.on');
  await page.waitForTimeout(300);
  assert.ok((await page.context().cookies()).some((c) => c.name === '__Host-penderie' && c.httpOnly && c.sameSite === 'Strict'), 'renewed');
}

/** A photo is kept with the consents that the person ticks, corrected, recommended from, and deleted again. */
async function wardrobe({ page, shot }) {
  const email = `w${Date.now()}${Math.floor(Math.random() * 1e6)}@example.org`;
  assert.ok(await page.locator('#wardrobe-open').isHidden(), 'only for whoever is signed in');
  await page.evaluate(async (address) => {
    const post = (path, body) => fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
    await post('/v1/accounts', { email: address, password: 'a long enough password', of_age: true });
    await post('/v1/sessions', { email: address, password: 'a long enough password', cookie: true });
    localStorage.setItem('penderie.signed', '1');
  }, email);
  await page.reload();
  await page.waitForSelector('#account-open.on');
  await page.click('#wardrobe-open');
  await page.waitForSelector('#wardrobe-file', { state: 'attached' });
  await accessible(page, 'empty wardrobe');
  await page.setInputFiles('#wardrobe-file', `${options.data}/demo/wardrobe/photo-07.jpg`);
  await page.waitForSelector('#wardrobe-body .consent');
  assert.equal(await page.locator('#wardrobe-body input[type="checkbox"]:checked').count(), 0, 'nothing is ticked beforehand');
  assert.equal(await page.locator('#wardrobe-body .consent').count(), 3);
  await accessible(page, 'consents');
  await noSideways(page);
  await shot('wardrobe-consents');
  await page.click('#wardrobe-body button[type="submit"]'); // without consent the form is not sent
  assert.equal(await page.locator('.wardrobe-photo').count(), 0);
  await page.check('#wardrobe-body input[name="recommendation"]');
  await page.click('#wardrobe-body button[type="submit"]');
  await page.waitForSelector('.wardrobe-photo img');
  await page.waitForSelector('#wardrobe-body .grid .card .reason');
  await accessible(page, 'wardrobe');
  await noSideways(page);
  await page.waitForTimeout(500);
  await shot('wardrobe');
  await page.click('.wardrobe-piece summary');
  await page.locator('.wardrobe-piece select').nth(1).selectOption('Green');
  await page.waitForFunction(() => [...document.querySelectorAll('.wardrobe-piece .swatch')].some((e) => e.textContent.includes('Vert')));
  page.once('dialog', (d) => d.accept());
  await page.locator('.wardrobe-photo > div > button').click();
  await page.waitForFunction(() => !document.querySelector('.wardrobe-photo'));
}

const { server, base } = await serve();
const browser = await chromium.launch({ executablePath: options.chromium, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
try {
  for (const device of ['phone', 'desktop']) {
    for (const [name, body] of Object.entries({ home, photo, search, filter, productSheet, language })) await test(browser, base, device, name, body);
  }
  for (const [name, body] of Object.entries({ upload, notPicture, suggestions, shop, nothing, feedback, more, keyboard })) await test(browser, base, 'desktop', name, body);
  for (const device of ['phone', 'desktop']) await test(browser, base, device, 'account', account, { expected: ['status of 401'] });
  for (const device of ['phone', 'desktop']) await test(browser, base, device, 'wardrobe', wardrobe);
  await test(browser, base, 'desktop', 'trouble', trouble, { expected: ['status of 500'] });
  await test(browser, base, 'desktop', 'offline', offline, { expected: ['ERR_INTERNET_DISCONNECTED', 'ERR_NETWORK_CHANGED'] });
  await test(browser, base, 'desktop', 'inEnglish', inEnglish, { locale: 'en-GB' });
  for (const [name, body] of Object.entries({ home, photo, productSheet })) await test(browser, base, 'dark', name, body);
} finally {
  await browser.close();
  server.removeAllListeners('exit');
  server.kill('SIGTERM');
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
