// Starts Swagger UI on the API's description.
"use strict";

const viewer = document.getElementById("viewer");
const { description, token } = viewer.dataset;
// Nothing else that looks at the page needs to find it.
delete viewer.dataset.token;

const swagger = SwaggerUIBundle({
  domNode: viewer,
  url: new URL(description, document.baseURI).href,
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  // By default, descriptions are sent to a service that judges them.
  validatorUrl: "none",
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
