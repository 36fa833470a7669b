// The list of pages is longer than a low window: the one that is open is in sight.
const show = () => document.querySelector("#sidebar [aria-current=page]")?.scrollIntoView({ block: "nearest" });

show();
document.getElementById("sidebar")?.addEventListener("toggle", show); // on a telephone it is opened first
