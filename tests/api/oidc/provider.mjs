// A real OpenID provider for the tests: node provider.mjs PORT KID REDIRECT_URI. Its keys are new at each start and named
// KID-rsa and KID-ec. Tokens carry tid and roles as Microsoft Entra ID's do; whoever signs in chooses the name, and
// "NAME@ROLE,ROLE" has those roles.
import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';

const [port, kid, redirect] = process.argv.slice(2);
const issuer = `http://localhost:${port}`;
const key = async (alg, name) => ({ ...(await exportJWK((await generateKeyPair(alg, { extractable: true })).privateKey)), kid: `${kid}-${name}`, use: 'sig', alg });
const rolesOf = (sub) => (sub.split('@')[1] ?? '').split(',').filter(Boolean);

const provider = new Provider(issuer, {
  jwks: { keys: [await key('RS256', 'rsa'), await key('ES256', 'ec')] },
  clients: [
    { client_id: 'penderie-web', client_secret: 'a secret: with %, + & signs', redirect_uris: [redirect], response_types: ['code'], grant_types: ['authorization_code'] },
    { client_id: 'machine', client_secret: 'machine', redirect_uris: [], response_types: [], grant_types: ['client_credentials'] },
  ],
  pkce: { methods: ['S256'], required: () => true },
  conformIdTokenClaims: false,
  claims: { openid: ['sub', 'tid', 'roles'], email: ['email', 'email_verified'] },
  findAccount: (ctx, sub) => ({
    accountId: sub,
    claims: () => ({ sub, tid: 'the-tenant', roles: rolesOf(sub), email: `${sub.split('@')[0]}@provider.example`, email_verified: true }),
  }),
  extraTokenClaims: (ctx) => ({ tid: ctx.oidc.body?.tid ?? 'the-tenant', roles: (ctx.oidc.body?.roles ?? '').split(',').filter(Boolean) }),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, resource) => ({
        scope: 'api', audience: resource.includes('other') ? 'somebody-else' : 'penderie-api', accessTokenTTL: 300, accessTokenFormat: 'jwt',
        jwt: { sign: { alg: resource.endsWith('ec') ? 'ES256' : 'RS256' } },
      }),
    },
  },
  cookies: { keys: ['for tests'] },
});
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
