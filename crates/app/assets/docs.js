// Starts Swagger UI on the OpenAPI document.
"use strict";

const viewer = document.getElementById("viewer");
const { description } = viewer.dataset;

// `/docs#token=...`: reads the token, and removes it from the address and the history.
const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) {
  history.replaceState(null, "", location.pathname + location.search);
  document.getElementById("sign-in").textContent =
    "You are signed in until the token expires or you reload the page.";
}

// Swagger UI fills in the examples of parameters and sends them. `If-Match` would then never match. This moves the examples of
// optional parameters into the description.
function withoutOptionalExamples(document) {
  for (const parameter of Object.values(document.components?.parameters ?? {})) {
    if (!parameter.required && parameter.example !== undefined) {
      parameter.description += `\n\nExample: \`${parameter.example}\``;
      delete parameter.example;
    }
  }
  return document;
}

// A DELETE must not be one click away from deleting the sample whose ID is the example: its parameters stay empty.
function withoutDestructiveExamples(document) {
  const shared = document.components?.parameters ?? {};
  for (const { delete: operation } of Object.values(document.paths ?? {})) {
    if (operation) {
      operation.parameters = operation.parameters.map(({ $ref, ...own }) => {
        const { example, ...parameter } = $ref ? shared[$ref.split("/").at(-1)] : own;
        return parameter;
      });
    }
  }
  return document;
}

// Every error is a problem document, as the introduction says. Showing it for each status would make operations very long.
function withShortErrors(document) {
  for (const response of Object.values(document.components?.responses ?? {})) {
    delete response.content;
    delete response.headers;
  }
  return document;
}

const shorter = () => ({
  statePlugins: {
    spec: {
      wrapActions: {
        updateJsonSpec: (update) => (document) => update(withShortErrors(withoutDestructiveExamples(withoutOptionalExamples(document)))),
      },
    },
  },
});

// Reading operations come first, and DELETE comes last. The OpenAPI document has them in alphabetical order.
const METHODS = ["get", "post", "put", "patch", "delete"];
const byMethod = (one, other) => METHODS.indexOf(one.get("method")) - METHODS.indexOf(other.get("method"));

const swagger = SwaggerUIBundle({
  domNode: viewer,
  url: new URL(description, document.baseURI).href,
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  operationsSorter: byMethod,
  // By default, Swagger UI sends the document to a validation service.
  validatorUrl: "none",
  plugins: [shorter],
  onComplete() {
    if (token) {
      swagger.preauthorizeApiKey("session", token);
    }
  },
});

// Swagger UI leaves out what screen readers and keyboards need: levels of headings, names of fields and of tables, and a way
// to scroll code. Its links within buttons are not reachable by keyboard anyway.
function makeAccessible() {
  const set = (selector, name, value) => {
    for (const element of viewer.querySelectorAll(`${selector}:not([${name}])`)) {
      element.setAttribute(name, typeof value === "function" ? value(element) : value);
    }
  };
  set("h3.opblock-tag", "aria-level", "2");
  set("h4", "aria-level", "3");
  set(".highlight-code .microlight", "tabindex", "0");
  set("tr[data-param-name] :is(select, input)", "aria-label", (field) => field.closest("tr").dataset.paramName);
  set(".opblock-section-request-body :is(select, textarea)", "aria-label", "Request body");
  set(".responses-wrapper select", "aria-label", "Media type");
  set("table[role=region]", "aria-label", (table) => `${table.className} ${table.closest(".opblock").id}`);
  viewer.querySelectorAll(".opblock-summary-control a[href]").forEach((link) => link.removeAttribute("href"));
}
new MutationObserver(makeAccessible).observe(viewer, { childList: true, subtree: true });

// Swagger UI has dark colours. The page turns them on.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
