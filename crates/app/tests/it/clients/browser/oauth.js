// An MCP client for browsers that only uses fetch. It discovers the authorization server, signs in, and calls a tool.
const url = "ICP_URL/mcp";
const headers = { "content-type": "application/json", "mcp-protocol-version": "2025-06-18", accept: "application/json, text/event-stream" };
const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");

async function begin() {
  const refused = await fetch(url, { method: "POST", headers, body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' });
  const challenge = refused.headers.get("www-authenticate");
  const resource = await (await fetch(challenge.match(/resource_metadata="([^"]+)"/)[1], { headers: { "mcp-protocol-version": "2025-06-18" } })).json();
  const server = await (await fetch(`${resource.authorization_servers[0]}/.well-known/oauth-authorization-server`)).json();
  const redirect = `${location.origin}/health/live`;
  const registration = await fetch(server.registration_endpoint, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ redirect_uris: [redirect] }) });
  const { client_id } = await registration.json();
  const verifier = base64(crypto.getRandomValues(new Uint8Array(48)));
  const challenge_of_verifier = base64(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
  sessionStorage.setItem("pending", JSON.stringify({ verifier, client_id, redirect, resource: resource.resource, token: server.token_endpoint }));
  const asked = { response_type: "code", client_id, redirect_uri: redirect, state: "state_1", code_challenge: challenge_of_verifier, code_challenge_method: "S256", resource: resource.resource, scope: resource.scopes_supported.join(" ") };
  return { url: `${server.authorization_endpoint}?${new URLSearchParams(asked)}` };
}

async function finish() {
  const { verifier, client_id, redirect, resource, token } = JSON.parse(sessionStorage.getItem("pending"));
  const code = new URLSearchParams(location.search).get("code");
  const form = { grant_type: "authorization_code", code, client_id, redirect_uri: redirect, code_verifier: verifier, resource };
  const { access_token } = await (await fetch(token, { method: "POST", body: new URLSearchParams(form) })).json();
  const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "list_icps", arguments: { sort: "name" } } };
  const traced = { ...headers, authorization: `Bearer ${access_token}`, traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", baggage: "a=1" };
  const answer = await (await fetch(url, { method: "POST", headers: traced, body: JSON.stringify(call) })).json();
  return { names: JSON.parse(answer.result.content[0].text).icps.map((icp) => icp.name) };
}
