// A tool's arguments as a form and as a JSON schema. The text of the schema is what is saved; the form is a view of it
// that changes only what it shows, so that whatever else a schema holds stays.
const SIMPLE = ["string", "integer", "number", "boolean"];

function editSchema(editor) {
  const source = editor.querySelector("[data-schema-source]");
  const rows = editor.querySelector("[data-schema-rows]");
  const template = editor.querySelector("[data-schema-template]");
  const views = { form: editor.querySelector("[data-schema-form]"), raw: editor.querySelector("[data-schema-raw]") };

  function read() {
    const schema = JSON.parse(source.value);
    const { properties = {} } = schema;
    if (schema.type !== "object" || typeof properties !== "object" || Array.isArray(properties)) {
      throw new Error('It must be an object: begin with {"type": "object", "properties": {}}.');
    }
    return schema;
  }

  function show() {
    const problem = editor.querySelector("[data-schema-problem]");
    let schema = null;
    try {
      schema = read();
    } catch (error) {
      problem.textContent = `The JSON schema can't be shown as a form. ${error.message}`;
    }
    problem.hidden = schema !== null;
    editor.querySelector("[data-schema-add]").disabled = schema === null;
    const parameters = Object.entries(schema?.properties ?? {});
    rows.replaceChildren(...parameters.map(([name, described]) => row(name, described, schema.required ?? [])));
    editor.querySelector("[data-schema-empty]").hidden = schema === null || parameters.length > 0;
  }

  function row(name, described, required) {
    const element = template.content.firstElementChild.cloneNode(true);
    const part = (kind) => element.querySelector(`[data-part="${kind}"]`);
    const simple = SIMPLE.includes(described?.type);
    element.querySelector("legend").textContent = `Argument ${name}`;
    element.described = described;
    part("name").value = name;
    part("type").value = simple ? described.type : "other";
    part("type").disabled = !simple;
    part("enum").value = (described?.enum ?? []).join(", ");
    part("enum").disabled = !simple || described.type === "boolean";
    part("required").checked = required.includes(name);
    part("description").value = described?.description ?? "";
    element.querySelector("[data-schema-nested]").hidden = simple;
    return element;
  }

  function described(element) {
    const part = (kind) => element.querySelector(`[data-part="${kind}"]`).value;
    const schema = { ...element.described };
    if (part("type") !== "other") {
      schema.type = part("type");
      const choices = part("enum").split(",").map((word) => word.trim()).filter(Boolean);
      delete schema.enum;
      if (choices.length && schema.type !== "boolean") {
        schema.enum = schema.type === "string" ? choices : choices.map(Number).filter(Number.isFinite);
      }
      if (schema.enum?.length === 0) delete schema.enum;
    }
    delete schema.description;
    if (part("description")) schema.description = part("description");
    return schema;
  }

  function write() {
    const schema = read();
    const elements = [...rows.children];
    const name = (element) => element.querySelector('[data-part="name"]');
    const seen = new Set();
    for (const element of elements) {
      const taken = seen.has(name(element).value);
      name(element).setCustomValidity(taken ? "Another argument has this name." : name(element).value ? "" : "Give it a name.");
      if (taken) name(element).reportValidity();
      seen.add(name(element).value);
    }
    if (seen.size < elements.length) return; // one would swallow the other
    schema.properties = Object.fromEntries(elements.map((element) => [name(element).value, described(element)]));
    const required = elements.filter((element) => element.querySelector('[data-part="required"]').checked);
    delete schema.required;
    if (required.length) schema.required = required.map((element) => name(element).value);
    source.value = JSON.stringify(schema, null, 2);
    editor.querySelector("[data-schema-empty]").hidden = elements.length > 0;
  }

  function view(wanted) {
    for (const [name, element] of Object.entries(views)) element.hidden = name !== wanted;
    for (const button of editor.querySelectorAll("[data-schema-view]")) {
      const pressed = button.dataset.schemaView === wanted;
      button.setAttribute("aria-pressed", pressed);
      button.classList.toggle("btn-primary", pressed);
      button.classList.toggle("btn-quiet", !pressed);
    }
  }

  editor.addEventListener("click", ({ target }) => {
    const chosen = target.closest("[data-schema-view]");
    if (chosen) view(chosen.dataset.schemaView);
    if (target.closest("[data-schema-remove]")) {
      target.closest("[data-schema-row]").remove();
      write();
    }
    if (target.closest("[data-schema-add]")) {
      let number = rows.children.length + 1;
      while ([...rows.querySelectorAll('[data-part="name"]')].some(({ value }) => value === `argument_${number}`)) number += 1;
      rows.append(row(`argument_${number}`, { type: "string" }, []));
      rows.lastElementChild.querySelector('[data-part="name"]').select();
      write();
    }
  });
  rows.addEventListener("input", write);
  source.addEventListener("input", show);

  editor.querySelector("[data-schema-views]").hidden = false;
  show();
  view(editor.querySelector("[data-schema-refused]") ? "raw" : "form");
}

for (const editor of document.querySelectorAll("[data-schema-editor]")) editSchema(editor);

document.addEventListener("click", ({ target }) => {
  const headers = target.closest("[data-header-add]")?.closest("[data-headers]");
  if (!headers) return;
  const row = headers.querySelector("[data-header-template]").content.cloneNode(true);
  headers.querySelector("[data-header-rows]").append(row);
  headers.querySelector("[data-header-rows]").lastElementChild.querySelector("input").focus();
});
