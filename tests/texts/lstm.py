"""An LSTM that is to name the class that follows: one step of training, with everything reached as torch.nn.functional."""

import rushlight as torch

torch.manual_seed(0)

lstm = torch.nn.LSTM(4, 2)
output_layer = torch.nn.Linear(2, 4)
softmax = torch.nn.functional.softmax

inputs = torch.nn.functional.one_hot(torch.tensor([3, 1, 2]), 4).view(3, 1, -1).float()
target = torch.nn.functional.one_hot(torch.tensor([1, 2, 0]), 4).view(3, 1, -1)

hidden, (h, c) = lstm(inputs)
output = softmax(output_layer(hidden), dim=-1)
_, target_classes = target.max(dim=-1)
loss = torch.nn.functional.nll_loss(output.view(3, -1), target_classes.view(-1))
loss.backward()

print("output", [[round(value, 6) for value in row] for row in output.view(3, -1).tolist()])
print("state", [round(value, 6) for value in h.view(-1).tolist() + c.view(-1).tolist()])
print("classes", target_classes.view(-1).tolist())
print("loss", round(loss.item(), 6))
for name, parameter in lstm.named_parameters():
    print(name, [round(value, 6) for value in parameter.grad.view(-1).tolist()])
print("out", [round(value, 6) for value in output_layer.weight.grad.view(-1).tolist()])
