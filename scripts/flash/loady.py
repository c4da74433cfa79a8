"""A file to the board's memory through its serial port: U-Boot's loady."""
import say
import session
import ymodem
from say import Error
from uboot import tell


def load(uboot, name, data, address):
    """Send a file to memory; twice, if the first does not arrive."""
    for again in (True, False):
        wrong = send(uboot, name, data, address)
        if not wrong:
            wrong = session.check_loaded(uboot, name, data, address)
        if not wrong:
            return
        if not again:
            break
        tell(f"{name}: {wrong}; trying once more")
    raise Error(f"{name}: {wrong}")


def send(uboot, name, data, address):
    """A sentence of what went wrong, or None."""
    mark = uboot.start(f"loady {address:x}")
    answer = uboot.until(rb"## Ready for binary[^\n]*\n", mark, 10)
    if answer:
        raise Error(f"U-Boot's loady does not start: '{answer}'")
    try:
        with say.Progress(name, len(data)) as p:
            rest = ymodem.send(uboot.port, name, data, p.at)
        uboot.port.put_back = rest
    except ymodem.Broken as e:
        if not uboot.regain():
            raise Error(f"{name}: {e}; and U-Boot does not come back to its "
                        f"prompt: reset the board") from None
        return str(e)
    if uboot.finish(mark, 10) is None and not uboot.regain():
        raise Error(f"{name} was sent, but U-Boot does not come back to its "
                    f"prompt: reset the board")
    return None
