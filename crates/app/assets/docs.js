// Starts Swagger UI on the API's description.
"use strict";

const viewer = document.getElementById("viewer");
const { description, token } = viewer.dataset;
// Nothing else that looks at the page needs to find it.
delete viewer.dataset.token;

// Swagger UI fills examples in and sends them: every change would ask for a version that no ICP is at. What may be left
// out is left out, and its example moves into the text.
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
  // By default, descriptions are sent to a service that judges them.
  validatorUrl: "none",
  plugins: [examples],
  onComplete() {
    if (token) {
      swagger.preauthorizeApiKey("session", token);
    }
  },
});

// Swagger UI has dark colours, and leaves it to the page when to use them.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
