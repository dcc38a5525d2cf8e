// An MCP client that knows only the URL of the endpoint. The official library discovers how to sign in, and signs in.
import { strict as assert } from "node:assert";
import { UnauthorizedError, type OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { OAuthClientInformationMixed, OAuthTokens } from "@modelcontextprotocol/sdk/shared/auth.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";

const url = new URL(`${process.env["ICP_URL"]}/mcp`);
// The ID of a client that an administrator registered. In this test, such a client sends no `resource`. If the ID is
// empty, the client registers itself and sends `resource`.
const clientId = process.env["ICP_CLIENT_ID"];

class Provider implements OAuthClientProvider {
  redirectUrl = "http://127.0.0.1:9/callback";
  clientMetadata = { client_name: "test", redirect_uris: [this.redirectUrl], token_endpoint_auth_method: "none" };
  code = "";
  #client: OAuthClientInformationMixed | undefined = clientId ? { client_id: clientId } : undefined;
  #tokens: OAuthTokens | undefined;
  #verifier = "";
  validateResourceURL?: (serverUrl: string | URL, resource?: string) => Promise<URL | undefined>;

  constructor() {
    if (clientId) this.validateResourceURL = async () => undefined;
  }
  state() {
    return "state_1";
  }
  clientInformation() {
    return this.#client;
  }
  saveClientInformation(client: OAuthClientInformationMixed) {
    this.#client = client;
  }
  tokens() {
    return this.#tokens;
  }
  saveTokens(tokens: OAuthTokens) {
    this.#tokens = tokens;
  }
  codeVerifier() {
    return this.#verifier;
  }
  saveCodeVerifier(verifier: string) {
    this.#verifier = verifier;
  }
  // The page of the authorization server redirects the browser to the client with a code.
  async redirectToAuthorization(page: URL) {
    const answer = await fetch(page, { redirect: "manual" });
    const back = new URL(answer.headers.get("location") ?? "");
    assert.equal(back.searchParams.get("state"), this.state());
    this.code = back.searchParams.get("code") ?? "";
  }
}

const provider = new Provider();
const connect = async () => {
  const client = new Client({ name: "test", version: "1" });
  const transport = new StreamableHTTPClientTransport(url, { authProvider: provider });
  try {
    await client.connect(transport as Transport);
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    await transport.finishAuth(provider.code);
    return undefined;
  }
  return client;
};
const client = (await connect()) ?? (await connect());
assert(client !== undefined);

const used = new Set<string>();
const text = async (name: string, args: Record<string, unknown>, isError = false) => {
  used.add(name);
  const result = await client.callTool({ name, arguments: args });
  assert.equal(result.isError ?? false, isError, JSON.stringify(result));
  const [content] = result.content as { type: string; text: string }[];
  return JSON.parse(content?.text ?? "");
};

const { icps } = await text("list_icps", { sort: "name" });
assert.deepEqual(icps.map((icp: { name: string }) => icp.name), ["Enterprise Tech Buyers", "SMB Marketing Leaders"]);
const icp = { name: "From an assistant", leadProviderCriteria: [] };
assert.deepEqual(await text("validate_icp", { icp }), { valid: true });
const created = await text("create_icp", { icp });
const id = created.icp.id;
assert.deepEqual(await text("get_icp", { id }), created);
const changed = await text("update_icp", { id, changes: { leadsPerList: 50 }, ifMatch: created.version });
assert.equal(changed.icp.leadsPerList, 50);

const shared = await text("share_icp", { id, userId: "user_bob", ifMatch: changed.version });
assert.deepEqual(shared.icp.userIds, [...created.icp.userIds, "user_bob"]);
const unshared = await text("unshare_icp", { id, userId: "user_bob", ifMatch: shared.version });
assert.deepEqual(unshared.icp.userIds, created.icp.userIds);
const copy = await text("copy_icp", { id });
assert.deepEqual([copy.icp.name, copy.icp.leadsPerList], ["From an assistant (copy)", 50]);
assert.deepEqual(await text("delete_icp", { id: copy.icp.id }), { deleted: true });

const newest = await text("list_revisions", { id, limit: 3 });
const oldest = await text("list_revisions", { id, cursor: newest.nextCursor });
const operations = [...newest.revisions, ...oldest.revisions].map(({ operation, changed }) => [operation, ...changed]);
assert.deepEqual(operations, [["update", "userIds"], ["update", "userIds"], ["update", "leadsPerList"], ["create"]]);
const { revision } = await text("get_revision", { id, revision: created.version });
assert.deepEqual(revision.icp, created.icp);
const restored = await text("restore_icp", { id, revision: created.version, ifMatch: unshared.version });
assert.deepEqual(restored.icp, { ...created.icp, updatedAt: restored.icp.updatedAt });

await text("delete_icp", { id, ifMatch: restored.version });
assert.equal((await text("get_icp", { id }, true)).code, "NOT_FOUND");
const [deleted] = (await text("list_deleted_icps", { limit: 1 })).deleted;
assert.deepEqual(deleted.icp, restored.icp);
const back = await text("restore_icp", { id, revision: deleted.revision });
assert.deepEqual(back.icp, { ...restored.icp, updatedAt: back.icp.updatedAt });
await text("delete_icp", { id, ifMatch: back.version });

const tools = (await client.listTools()).tools.map((tool) => tool.name);
assert.deepEqual([...used].sort(), tools.sort());
await client.close();
console.log("done");
