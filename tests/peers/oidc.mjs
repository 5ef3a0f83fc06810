// A real OAuth server (oidc-provider), with one native client such as Google's console makes.
// Arguments: the scope that it knows. Every token that it gives or takes back is a line of JSON.
import http from 'node:http';
import { Provider } from 'oidc-provider';

const [scope] = process.argv.slice(2);
const told = (event) => console.log(JSON.stringify(event));

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [
      {
        client_id: 'candid',
        client_secret: 'company-secret',
        application_type: 'native',
        grant_types: ['authorization_code', 'refresh_token'],
        // any port, as RFC 8252 asks for native clients
        redirect_uris: ['http://127.0.0.1/', 'http://127.0.0.1/accounts/return/youtube'],
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    scopes: [scope, 'offline_access'],
    pkce: { required: () => true },
    issueRefreshToken: async () => true,
    rotateRefreshToken: true, // and whoever renews with an old one loses everything
    features: { revocation: { enabled: true }, devInteractions: { enabled: true } },
    cookies: { keys: ['for tests only'] },
  });
  provider.on('grant.success', (context) => told({ grant: context.oidc.params.grant_type }));
  provider.on('grant.error', (context, fault) => told({ refused: fault.error, why: fault.error_detail ?? '' }));
  provider.on('refresh_token.destroyed', () => told({ destroyed: 'refresh_token' }));
  provider.on('grant.revoked', () => told({ revoked: 'grant' }));
  server.on('request', provider.callback());
  told({ port });
});
