# SPDX-License-Identifier: MIT
"""The tests of the ordinary mode, of requests and beside php-fpm, once more through a resident script that includes what is asked for."""

import importlib.util
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import engine  # noqa: E402
import sides  # noqa: E402

# As PHP's own start of a script does: its directory first. And what stays by design is put back, for these scripts
# expect another process's settings.
WORKER = """<?php
$run = static function (): void {
    $locale = setlocale(LC_ALL, 0);
    $settings = ini_get_all(null, false);
    $handler = static function (): void {
        unset($GLOBALS["run"]);
        chdir(dirname($_SERVER["SCRIPT_FILENAME"]));
        include $_SERVER["SCRIPT_FILENAME"];
    };
    do {
        $more = PhpPool\\handle_request($handler);
        foreach (array_diff_assoc(ini_get_all(null, false), $settings) as $name => $value)
            ini_restore($name);
        setlocale(LC_ALL, explode("=", explode(";", $locale)[0])[1] ?? $locale);
        setlocale(LC_NUMERIC, "C");
        date_default_timezone_set("UTC");
        putenv("X_LEFT");
        umask(022);
    } while ($more);
};
$run();
"""


class ResidentEngine(engine.Engine):
    """A pool of the other test's, with the application resident."""

    def configure(self, config):
        self.write("resident.php", WORKER)
        super().configure(config + '\nresident = "resident.php";\n')


def load(name):
    spec = importlib.util.spec_from_file_location(name.replace("-", "_"), os.path.join(HERE, f"test-{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


request = load("request")
request.Engine = ResidentEngine


def left_out(case, reasons):
    """The same tests without those of @reasons, each of which must be there."""
    names = {}
    for test, reason in reasons.items():
        assert hasattr(case, test), test
        names[test] = unittest.skip(reason)(getattr(case, test))
    return type("Resident" + case.__name__, (case,), names)


def without(case, reasons):
    """The same with these left out of the module's table of scripts."""
    for name in reasons:
        del case[name]


# The front end's SCRIPT_FILENAME is not looked up: the pool's script is known.
RequestTest = left_out(request.RequestTest, {
    "test_path_info_is_found_by_walking": "SCRIPT_FILENAME is as the front end sent it",
    "test_the_forms_of_apache": "SCRIPT_FILENAME is as the front end sent it",
    "test_what_may_not_run": "what is included is the resident script's affair",
    "test_nothing_that_a_script_declares_is_left": "what is declared stays: that is the use of it",
    "test_a_switched_link_is_seen_at_once": "the resident script is changed by a reload",
    "test_user_ini": ".user.ini is read once, for the resident script",
})

scripts = load("fpm-scripts")
sides.Engine = ResidentEngine
without(scripts.ANSWERS, {
    "STDIN and STDERR": "they are defined",
    "superglobals": "the worker itself has named $_SERVER",
    "included files": "they stay",
    "locale": "the worker sets it back, but not to each of its parts", "locale again": "the same",
})
AnswersTest = left_out(scripts.AnswersTest, {
    "test_what_is_no_script": "SCRIPT_FILENAME is as the front end sent it",
    "test_environment_functions": "getenv() has FRANKENPHP_WORKER",
})
LogTest = left_out(scripts.LogTest, {"test_messages": "what is missing is a warning of include()"})
ErrorHeaderTest = left_out(scripts.ErrorHeaderTest, {})
HeaderFormTest = left_out(scripts.HeaderFormTest, {})
LimitsTest = left_out(scripts.LimitsTest, {})
del request, scripts

if __name__ == "__main__":
    unittest.main(verbosity=2)
