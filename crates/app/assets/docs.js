// Shows the OpenAPI document in Swagger UI.
"use strict";

const container = document.getElementById("swagger-ui");
const { openapiUrl } = container.dataset;

// If the page was opened as `/docs#token=...`, reads the token, and removes it from the address bar and the history.
const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) {
  history.replaceState(null, "", location.pathname + location.search);
  document.getElementById("sign-in").textContent =
    "You are signed in until the token expires or you reload the page.";
}

// Swagger UI fills in the examples of parameters and sends them. The example of `If-Match` is the version of no ICP, so
// the request would fail. This function moves the examples of optional parameters into their descriptions.
function withoutOptionalExamples(document) {
  for (const parameter of Object.values(document.components?.parameters ?? {})) {
    if (!parameter.required && parameter.example !== undefined) {
      parameter.description += `\n\nExample: \`${parameter.example}\``;
      delete parameter.example;
    }
  }
  return document;
}

// The example of `id` is the ID of a sample ICP. If Swagger UI filled it in, one click on DELETE would delete the
// sample. This function removes the examples from the parameters of DELETE, so the fields are empty.
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

// Every error is a problem document, as the introduction of the page says. This function removes the details of error
// responses, because repeating them for each status would make the operations very long.
function withShortErrors(document) {
  for (const response of Object.values(document.components?.responses ?? {})) {
    delete response.content;
    delete response.headers;
  }
  return document;
}

const simplifyDocument = () => ({
  statePlugins: {
    spec: {
      wrapActions: {
        updateJsonSpec: (update) => (document) => update(withShortErrors(withoutDestructiveExamples(withoutOptionalExamples(document)))),
      },
    },
  },
});

// Sorts the operations of the page by method: GET comes first, and DELETE comes last.
const METHOD_ORDER = ["get", "post", "put", "patch", "delete"];
const compareMethods = (left, right) =>
  METHOD_ORDER.indexOf(left.get("method")) - METHOD_ORDER.indexOf(right.get("method"));

const swagger = SwaggerUIBundle({
  domNode: container,
  url: new URL(openapiUrl, document.baseURI).href,
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  operationsSorter: compareMethods,
  // By default, Swagger UI sends the document to an external validation service.
  validatorUrl: "none",
  plugins: [simplifyDocument],
  onComplete() {
    if (token) {
      swagger.preauthorizeApiKey("session", token);
    }
  },
});

// Swagger UI omits attributes that screen readers and keyboard users need. This function adds the levels of headings,
// the names of fields and tables, and the keyboard focus of code blocks. It also removes the targets of links inside
// buttons, because the keyboard cannot reach such links.
function makeAccessible() {
  const setIfMissing = (selector, name, value) => {
    for (const element of container.querySelectorAll(`${selector}:not([${name}])`)) {
      element.setAttribute(name, typeof value === "function" ? value(element) : value);
    }
  };
  setIfMissing("h3.opblock-tag", "aria-level", "2");
  setIfMissing("h4", "aria-level", "3");
  setIfMissing(".highlight-code .microlight", "tabindex", "0");
  setIfMissing("tr[data-param-name] :is(select, input)", "aria-label", (field) => field.closest("tr").dataset.paramName);
  setIfMissing(".opblock-section-request-body :is(select, textarea)", "aria-label", "Request body");
  setIfMissing(".responses-wrapper select", "aria-label", "Media type");
  setIfMissing("table[role=region]", "aria-label", (table) => `${table.className} ${table.closest(".opblock").id}`);
  container.querySelectorAll(".opblock-summary-control a[href]").forEach((link) => link.removeAttribute("href"));
}
new MutationObserver(makeAccessible).observe(container, { childList: true, subtree: true });

// Swagger UI uses dark colours if the root element has the class `dark-mode`. The page follows the setting of the
// browser.
const darkScheme = matchMedia("(prefers-color-scheme: dark)");
const applyColorScheme = () => document.documentElement.classList.toggle("dark-mode", darkScheme.matches);
darkScheme.addEventListener("change", applyColorScheme);
applyColorScheme();
