// Everything listens on the document, so what htmx brings in later works like what was there first.
import "./copying.js";
import "./dialogs.js";
import "./menus.js";
import "./palette.js";
import "./printing.js";
import "./sidebar.js";
import "./themes.js";
import "./tidying.js";
import "./times.js";
import "./toasts.js";
