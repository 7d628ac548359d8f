"""Ask a cordon server once: client.py ADDRESS TOKEN_FILE REQUEST   (`cordon path APP` tells both)"""
import json, socket, sys

def ask(address, token_file, request):
    with open(token_file) as file:
        line = json.dumps({"token": file.read(), "request": request}) + "\n"
    with socket.socket(socket.AF_UNIX) as server:
        server.settimeout(5)
        server.connect(address)
        server.sendall(line.encode())
        answer = json.loads(server.makefile("rb").readline())
    return answer["data"] if answer["ok"] else sys.exit(f"{answer['code']}: {answer['error']}")

if __name__ == "__main__":
    print(json.dumps(ask(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))))
