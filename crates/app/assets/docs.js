// Starts Swagger UI on the OpenAPI document.
"use strict";

const viewer = document.getElementById("viewer");
const { description } = viewer.dataset;

// `/docs#token=...`: the token is read and removed, from the address and from the history.
const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) {
  history.replaceState(null, "", location.pathname + location.search);
  document.getElementById("sign-in").textContent =
    "You are signed in by the development sign-in, for 12 hours or until you reload the page.";
}

// Swagger UI fills examples in and sends them: every change would name a version that no ICP has. Examples of optional
// parameters move into the description.
function withoutOptionalExamples(document) {
  for (const parameter of Object.values(document.components?.parameters ?? {})) {
    if (!parameter.required && parameter.example !== undefined) {
      parameter.description += `\n\nExample: \`${parameter.example}\``;
      delete parameter.example;
    }
  }
  return document;
}

const examples = () => ({
  statePlugins: {
    spec: {
      wrapActions: {
        updateJsonSpec: (update) => (document) => update(withoutOptionalExamples(document)),
      },
    },
  },
});

const swagger = SwaggerUIBundle({
  domNode: viewer,
  url: new URL(description, document.baseURI).href,
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  // By default, Swagger UI sends the document to a validation service.
  validatorUrl: "none",
  plugins: [examples],
  onComplete() {
    if (token) {
      swagger.preauthorizeApiKey("session", token);
    }
  },
});

// Swagger UI has dark colours; the page decides when to use them.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
