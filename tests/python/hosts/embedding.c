/* Starts and ends Python several times in one process; each life runs one of the programs. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

int main(int argc, char **argv)
{
    for (int life = 1; life < argc; life++) {
        Py_Initialize();
        if (PyRun_SimpleString(argv[life]) != 0)
            return life;
        if (Py_FinalizeEx() != 0)
            return 100 + life;
    }
    return 0;
}
