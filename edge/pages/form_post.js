// Presses the only button of the page, which works without this script as well.
document.querySelector('form').submit();
