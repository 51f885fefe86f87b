<?php
// what: session, upload, temporary, env
switch ($_GET["what"]) {
case "session":
    session_start();
    echo $_SESSION["n"] = ($_SESSION["n"] ?? 0) + 1, " ", session_save_path();
    break;
case "upload":
    $file = $_FILES["file"];
    $kept = "/var/lib/php-pool/" . $_GET["pool"] . "/kept";
    echo is_uploaded_file($file["tmp_name"]) ? "uploaded " : "not uploaded ", dirname($file["tmp_name"]), " ",
        move_uploaded_file($file["tmp_name"], $kept) ? md5_file($kept) : "not moved";
    break;
case "temporary":
    $name = tempnam(sys_get_temp_dir(), "t");
    file_put_contents($name, "x");
    echo dirname($name), " ", is_resource(tmpfile()) ? "tmpfile" : "none", " ", file_exists("/var/lib/php-pool/" . $_GET["pool"] . "/kept") ? "kept" : "lost";
    unlink($name);
    break;
case "env":
    echo getenv("SECRET"), " ", $_SERVER["SECRET"] ?? "none", " ", getenv("HOME"), " ", basename(getenv("CREDENTIALS_DIRECTORY")), " ",
        file_get_contents(getenv("CREDENTIALS_DIRECTORY") . "/secret");
}
