// Shares, copies and restores an ICP with the code in docs/how-to/clients.md, and checks the results.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { type Client, type Icp, ok, pages } from "./session.js";

async function share(client: Client, id: string): Promise<Icp> {
  const params = { path: { id, userId: "user_eve" } };
  return ok(await client.PUT("/api/v1/entities/icps/{id}/users/{userId}", { params }));
}

async function unshare(client: Client, id: string): Promise<Icp> {
  const params = { path: { id, userId: "user_eve" } };
  return ok(await client.DELETE("/api/v1/entities/icps/{id}/users/{userId}", { params }));
}

async function copy(client: Client, id: string): Promise<Icp> {
  const copied = await client.POST("/api/v1/entities/icps/{id}/copy", {
    params: { path: { id }, header: { "Idempotency-Key": randomUUID() } },
    body: { name: "Second market" },
  });
  return ok(copied);
}

async function changes(client: Client, id: string): Promise<string[]> {
  const shown = [];
  const revisions = pages((page) =>
    client.GET("/api/v1/entities/icps/{id}/revisions", { params: { path: { id }, query: { limit: 2, ...page } } }),
  );
  for await (const page of revisions) {
    for (const { by, operation, changed } of page) {
      shown.push([by ?? "unknown", operation, ...changed].join(" "));
    }
  }
  return shown;
}

async function restorePrevious(client: Client, id: string): Promise<Icp> {
  const params = { path: { id }, query: { limit: 2 } };
  const [newest, previous] = ok(await client.GET("/api/v1/entities/icps/{id}/revisions", { params }));
  const { revision } = previous ?? assert.fail("there is only one revision");
  const { icp } = ok(
    await client.GET("/api/v1/entities/icps/{id}/revisions/{revision}", { params: { path: { id, revision } } }),
  );
  console.log(`Restoring ${icp.name}`);
  const restored = await client.POST("/api/v1/entities/icps/{id}/restore", {
    params: { path: { id }, header: { "If-Match": `"${newest?.revision}"` } },
    body: { revision },
  });
  return ok(restored);
}

async function restoreDeleted(client: Client, name: string): Promise<Icp> {
  const deleted = pages((page) => client.GET("/api/v1/entities/icps/deleted", { params: { query: page } }));
  for await (const page of deleted) {
    for (const { icp, revision } of page) {
      if (icp.name !== name) continue;
      const params = { path: { id: icp.id } };
      return ok(await client.POST("/api/v1/entities/icps/{id}/restore", { params, body: { revision } }));
    }
  }
  throw new Error(`no deleted ICP has the name ${name}`);
}

// Shares, copies and restores an ICP with parts that this version does not know. These parts must not change.
export async function history(client: Client, other: Client, icp: Icp) {
  const { id, updatedAt: _, ...content } = icp;
  const params = { path: { id } };
  const assertContent = ({ updatedAt: _, ...actual }: Icp) => assert.deepEqual(actual, { id, ...content });

  assert.deepEqual((await share(client, id)).userIds, ["user_ada", "user_eve"]);
  ok(await other.GET("/api/v1/entities/icps/{id}", { params }));
  const copied = await copy(other, id);
  assert.deepEqual(copied, {
    ...copied, ...content, name: "Second market", userIds: ["user_eve"], createdAt: copied.updatedAt,
  });
  ok(await other.DELETE("/api/v1/entities/icps/{id}", { params: { path: { id: copied.id } } }));
  assertContent(await unshare(client, id));
  const refused = await other.GET("/api/v1/entities/icps/{id}/revisions", { params });
  assert.equal(refused.error?.code, "FORBIDDEN");

  ok(await client.PATCH("/api/v1/entities/icps/{id}", { params, body: { name: "Renamed" } }));
  assertContent(await restorePrevious(client, id));
  ok(await client.DELETE("/api/v1/entities/icps/{id}", { params }));
  assertContent(await restoreDeleted(client, icp.name));
  assert.deepEqual(await changes(client, id), [
    "user_ada restore",
    "user_ada delete",
    "user_ada restore name",
    "user_ada update name",
    "user_ada update userIds",
    "user_ada update userIds",
    "unknown create",
  ]);
}
